/// A prompt as SDXL's text encoders take it.
public struct TokenizedPrompt: Equatable, Sendable {
    /// Token ids, [77]: the start token, the text, the end token, padding.
    public var ids: [Int32]
    /// Position of the first end token: the state there is the pooled one. A literal
    /// `<|endoftext|>` in the text counts.
    public var endIndex: Int
    /// Tokens of the text that did not fit; 0 when all did.
    public var truncatedCount: Int

    public var wasTruncated: Bool { truncatedCount > 0 }
}

extension CLIPTokenizer {
    /// How a text encoder's tokenizer fills the places after the end token.
    public enum Padding: Sendable {
        /// With the end token: SDXL's `tokenizer`.
        case endOfText
        /// With id 0: SDXL's `tokenizer_2`. Id 0 is the token `!`, and as the padding token it is
        /// special: every `!` of the text becomes 0 too, and never a part of a longer token.
        case zero

        var filler: Int32 { self == .endOfText ? CLIPTokenizer.endOfText : 0 }
    }
}
