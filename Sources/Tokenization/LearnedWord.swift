/// A word whose tokens are not the vocabulary's: learned vectors stand for them in the text encoders
/// (textual inversion).
///
/// As with a token that transformers' tokenizers are given, upper and lower case are alike, the word is
/// found within longer ones, and of several that begin at one place the longest wins. Where
/// transformers gives a word several vectors only if it is written as the file is named, the word
/// always stands for all of them.
public struct LearnedWord: Equatable, Sendable {
    /// Above the vocabulary's.
    public let ids: Range<Int32>
    private let normalized: String

    /// Ids of learned words begin here.
    public static let firstID = CLIPTokenizer.endOfText + 1

    /// - Parameters:
    ///   - word: not empty.
    ///   - ids: one for each vector, from ``firstID`` on.
    public init(_ word: String, ids: Range<Int32>) {
        precondition(!word.isEmpty && ids.lowerBound >= Self.firstID)
        normalized = TextNormalizer.normalize(word[...])
        self.ids = ids
    }

    enum Part: Equatable {
        case text(String)
        case learned(Range<Int32>)
    }

    /// A normalized text, cut at every learned word.
    static func split(_ text: String, at words: [LearnedWord]) -> [Part] {
        guard !words.isEmpty else { return [.text(text)] }
        let words = words.sorted { $0.normalized.utf8.count > $1.normalized.utf8.count }
        var parts: [Part] = []
        var start = text.startIndex
        var position = start
        while position < text.endIndex {
            let rest = text.utf8[position...]
            guard let word = words.first(where: { rest.starts(with: $0.normalized.utf8) }) else {
                text.utf8.formIndex(after: &position)
                continue
            }
            if start < position { parts.append(.text(String(text[start..<position]))) }
            parts.append(.learned(word.ids))
            text.utf8.formIndex(&position, offsetBy: word.normalized.utf8.count)
            start = position
        }
        if start < position { parts.append(.text(String(text[start...]))) }
        return parts
    }
}
