/// Splits a normalized text into the words that are tokenized each on its own: CLIP's pattern
///
///     <\|startoftext\|> | <\|endoftext\|> | 's|'t|'re|'ve|'m|'ll|'d | \p{L}+ | \p{N} | [^\s\p{L}\p{N}]+
///
/// where the first two, which only a text in capitals can still contain here, fall into three words.
struct WordSplitter: Sequence, IteratorProtocol {
    private let text: String
    private var position: String.Index
    /// Ends of the words of a marker that was begun, the next one last.
    private var markerWordEnds: [String.Index] = []

    init(_ text: String) {
        self.text = text
        position = text.startIndex
    }

    mutating func next() -> Substring? {
        let scalars = text.unicodeScalars
        if let end = markerWordEnds.popLast() { return take(to: end) }
        while position < scalars.endIndex {
            let scalar = scalars[position]
            if scalar == "<", let ends = markerEnds() {
                markerWordEnds = [ends.close, ends.name]
                return take(to: ends.open)
            }
            if scalar == "'", let end = contractionEnd() { return take(to: end) }
            switch Kind(scalar) {
            case .space:
                scalars.formIndex(after: &position)
            case .number:
                return take(to: scalars.index(after: position))
            case let kind:
                let rest = scalars[position...]
                return take(to: rest.firstIndex { Kind($0) != kind } ?? scalars.endIndex)
            }
        }
        return nil
    }

    private mutating func take(to end: String.Index) -> Substring {
        defer { position = end }
        return text[position..<end]
    }

    /// Where a contraction that begins here ends.
    private func contractionEnd() -> String.Index? {
        let rest = text.utf8[position...]
        let found = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
            .first { rest.starts(with: $0.utf8) }
        return found.map { text.utf8.index(position, offsetBy: $0.utf8.count) }
    }

    /// Where the three words of `<|startoftext|>` or `<|endoftext|>` end, if one begins here.
    private func markerEnds() -> (open: String.Index, name: String.Index, close: String.Index)? {
        let rest = text.utf8[position...]
        for name in ["startoftext", "endoftext"] where rest.starts(with: "<|\(name)|>".utf8) {
            let open = text.utf8.index(position, offsetBy: 2)
            let end = text.utf8.index(open, offsetBy: name.utf8.count)
            return (open, end, text.utf8.index(end, offsetBy: 2))
        }
        return nil
    }

    private enum Kind {
        case space, letter, number, other

        init(_ scalar: Unicode.Scalar) {
            switch scalar {
            case "a"..."z", "A"..."Z":
                self = .letter
            case "0"..."9":
                self = .number
            default:
                let properties = scalar.properties
                switch properties.generalCategory {
                case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter,
                    .otherLetter:
                    self = .letter
                case .decimalNumber, .letterNumber, .otherNumber:
                    self = .number
                default:
                    self = properties.isWhitespace ? .space : .other
                }
            }
        }
    }
}
