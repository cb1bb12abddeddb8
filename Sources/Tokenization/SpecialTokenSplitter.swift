/// Cuts the special tokens out of a raw text, before it is normalized: `<|endoftext|>` is one,
/// `<|ENDOFTEXT|>` is not.
struct SpecialTokenSplitter: Sequence, IteratorProtocol {
    enum Segment: Equatable {
        /// A token's id.
        case special(Int32)
        /// What lies between two of them; never empty.
        case text(Substring)
    }

    private let specials: [(text: [UInt8], id: Int32)]
    private let text: String
    /// All before it is delivered.
    private var position: String.Index
    /// The special token that ended the last text segment.
    private var pending: Int32?

    init(_ text: String, padding: CLIPTokenizer.Padding) {
        var specials = [
            (Array("<|startoftext|>".utf8), CLIPTokenizer.startOfText),
            (Array("<|endoftext|>".utf8), CLIPTokenizer.endOfText),
        ]
        if padding == .zero { specials.append(([UInt8(ascii: "!")], 0)) }
        self.specials = specials
        self.text = text
        position = text.startIndex
    }

    mutating func next() -> Segment? {
        if let id = pending {
            pending = nil
            return .special(id)
        }
        let start = position
        while position < text.endIndex {
            let end = position
            if let id = takeSpecial() {
                if start == end { return .special(id) }
                pending = id
                return .text(text[start..<end])
            }
            text.utf8.formIndex(after: &position)
        }
        return start < position ? .text(text[start...]) : nil
    }

    /// Steps over a special token that begins here. No token is the beginning of another, so the
    /// order in which they are tried does not matter.
    private mutating func takeSpecial() -> Int32? {
        let rest = text.utf8[position...]
        guard let special = specials.first(where: { rest.starts(with: $0.text) }) else {
            return nil
        }
        text.utf8.formIndex(&position, offsetBy: special.text.count)
        return special.id
    }
}
