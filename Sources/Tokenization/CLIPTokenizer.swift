/// CLIP's byte-pair tokenizer as transformers' `CLIPTokenizer` (5.23) runs it for SDXL.
///
/// In order: special tokens are cut out of the raw text; what lies between is normalized
/// (``TextNormalizer``), split into words (``WordSplitter``), and each word's bytes are merged
/// (``BytePairMerger``) with the published merges (``MergeTable``).
///
/// The time is O(n log n) in the text's length, except that normalizing sorts a run of combining
/// marks in quadratic time. The longest text a request can carry, 64 KiB, is thus bounded by about
/// a quarter of a second, and a prompt of 3000 scalars by a few milliseconds.
public struct CLIPTokenizer: Sendable {
    /// Places in a tokenized prompt.
    public static let length = 77
    public static let startOfText: Int32 = 49406
    public static let endOfText: Int32 = 49407

    /// Built at its first use, in a few milliseconds; safe to use from any thread.
    public static let shared = CLIPTokenizer()

    private let merges: MergeTable

    private init() {
        merges = MergeTable()
        precondition(merges.tokenCount == Self.startOfText, "the merges are not CLIP's")
    }

    /// The ids of `text`, cut to 75 tokens. Every string has some: there is nothing that cannot be
    /// tokenized.
    ///
    /// - Parameter learned: words with tokens of their own.
    public func encode(
        _ text: String, padding: Padding, learned: [LearnedWord] = []
    ) -> TokenizedPrompt {
        let tokens = tokens(of: text, padding: padding, learned: learned)
        let kept = tokens.prefix(Self.length - 2)

        var ids = [Self.startOfText]
        ids.reserveCapacity(Self.length)
        ids += kept
        ids.append(Self.endOfText)
        let endIndex = ids.firstIndex(of: Self.endOfText) ?? ids.count - 1
        ids += repeatElement(padding.filler, count: Self.length - ids.count)
        return TokenizedPrompt(
            ids: ids, endIndex: endIndex, truncatedCount: tokens.count - kept.count)
    }

    /// Whether a learned word stands in the text.
    public func contains(_ word: LearnedWord, in text: String) -> Bool {
        tokens(of: text, padding: .endOfText, learned: [word]).contains(word.ids.lowerBound)
    }

    /// All tokens of the text, without the start and end tokens around it.
    func tokens(
        of text: String, padding: Padding, learned: [LearnedWord] = []
    ) -> [Int32] {
        var tokens: [Int32] = []
        var merger = BytePairMerger(merges)
        for segment in SpecialTokenSplitter(text, padding: padding) {
            switch segment {
            case .special(let id):
                tokens.append(id)
            case .text(let raw):
                for part in LearnedWord.split(TextNormalizer.normalize(raw), at: learned) {
                    switch part {
                    case .learned(let ids): tokens += ids
                    case .text(let text):
                        for word in WordSplitter(text) {
                            merger.append(tokensOf: word.utf8, to: &tokens)
                        }
                    }
                }
            }
        }
        return tokens
    }
}
