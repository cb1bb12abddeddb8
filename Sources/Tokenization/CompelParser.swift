/// Weights as the library compel (2.3) reads them.
///
/// `word+` weighs 1.1, each further `+` times 1.1; `word-` weighs 0.9, each further `-` times 0.9.
/// Words in round brackets or double quotes take the same signs, or a number: `(a red fox)1.3`, with
/// no space between. Groups within groups multiply. A backslash before one of ( ) " , . + - = makes it
/// an ordinary character of a word.
///
/// Differs from compel where that would leave something out or take it literally without a word: a
/// bracket or quote that is not closed, a sign that weighs nothing, and compel's other operators
/// (`.blend`, `.and`, `.swap`, ...) are errors.
struct CompelParser {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var pieces: [PromptPiece] = []
    private var depth = 0

    private static let syntax = Set("()\",.+-=".unicodeScalars)
    private static let moreFactor = 1.1
    private static let lessFactor = 0.9
    private static let operators = [".blend(", ".and(", ".add(", ".swap(", ".attend("]

    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    mutating func parse() throws(PromptSyntaxError) -> [PromptPiece] {
        skipSpace()
        while index < scalars.count {
            switch scalars[index] {
            case "(", "\"": try group(isQuoted: false)
            default: try freeWord()
            }
            skipSpace()
        }
        return pieces
    }

    private var scalar: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func skipSpace() {
        while let scalar, scalar.properties.isWhitespace { index += 1 }
    }

    // MARK: - Words

    /// At the top: a weighted word, or else everything up to the next space, as it stands.
    private mutating func freeWord() throws(PromptSyntaxError) {
        let start = index
        if let word = plainWord() {
            if scalar == "+" || scalar == "-" {
                pieces.append(PromptPiece(text: word, index: start))
                multiply(from: pieces.count - 1, by: signs())
                return
            }
            try refuseOperator()
        }
        index = start
        var text = String.UnicodeScalarView()
        while let scalar, !scalar.properties.isWhitespace {
            // A comma ends a word.
            if index > start, scalars[index - 1] == "," { break }
            if scalar == "\\", let next = escaped() {
                text.append(next)
                index += 1
            } else {
                text.append(scalar)
            }
            index += 1
        }
        pieces.append(PromptPiece(text: String(text), index: start))
    }

    /// Characters without a meaning, and those whose meaning is taken by a backslash; nil for none. A
    /// sign within a word, as in `well-known`, belongs to it.
    private mutating func plainWord() -> String? {
        var text = String.UnicodeScalarView()
        while let scalar {
            if scalar == "\\", let next = escaped() {
                text.append(next)
                index += 2
                continue
            }
            let isInnerSign =
                (scalar == "+" || scalar == "-") && index + 1 < scalars.count
                && !scalars[index + 1].properties.isWhitespace
                && !Self.syntax.contains(scalars[index + 1])
            if scalar.properties.isWhitespace || Self.syntax.contains(scalar) && !isInnerSign {
                break
            }
            text.append(scalar)
            index += 1
        }
        return text.isEmpty ? nil : String(text)
    }

    /// What follows a backslash, where that has a meaning to take.
    private func escaped() -> Unicode.Scalar? {
        guard index + 1 < scalars.count, Self.syntax.contains(scalars[index + 1]) else {
            return nil
        }
        return scalars[index + 1]
    }

    // MARK: - Groups

    /// Brackets or quotes, what they hold, and their weight.
    private mutating func group(isQuoted: Bool) throws(PromptSyntaxError) {
        let open = index
        let close: Unicode.Scalar = scalars[open] == "(" ? ")" : "\""
        guard depth < PromptSyntax.depthMaximum else {
            throw PromptSyntaxError(
                index: open,
                "opens bracket \(PromptSyntax.depthMaximum + 1) within another; "
                    + "at most \(PromptSyntax.depthMaximum) are taken")
        }
        depth += 1
        defer { depth -= 1 }
        let first = pieces.count
        index += 1
        skipSpace()
        // Quotes end at the next quote, whatever is open between.
        while let scalar, scalar != close, !(isQuoted && scalar == "\"") {
            try member(isQuoted: isQuoted || close == "\"")
            skipSpace()
        }
        guard scalar == close else {
            throw PromptSyntaxError(
                index: open, "opens what is not closed: close it, or put a backslash before it")
        }
        index += 1
        try refuseOperator()
        multiply(from: first, by: try groupWeight())
    }

    private mutating func member(isQuoted: Bool) throws(PromptSyntaxError) {
        let start = index
        switch scalars[index] {
        case "(": try group(isQuoted: isQuoted)
        case "\"": try group(isQuoted: true)
        case ",", ".":
            pieces.append(PromptPiece(text: String(scalars[index]), index: start))
            index += 1
        default:
            guard let word = plainWord() else {
                throw PromptSyntaxError(
                    index: start,
                    "is \(scalars[start]), which belongs to no word here: put a backslash before it"
                )
            }
            pieces.append(PromptPiece(text: word, index: start))
            if scalar == "+" || scalar == "-" { multiply(from: pieces.count - 1, by: signs()) }
        }
    }

    /// Right behind a group: signs, a number, or nothing.
    private mutating func groupWeight() throws(PromptSyntaxError) -> Double {
        if scalar == "+" || scalar == "-" { return signs() }
        let start = index
        var text = ""
        while let scalar, ("0"..."9").contains(scalar) || scalar == "." && !text.contains(".") {
            text.unicodeScalars.append(scalar)
            index += 1
        }
        // A point alone ends a sentence.
        guard let weight = Double(plainNumber: text) else {
            index = start
            return 1
        }
        return weight
    }

    // MARK: - Weights

    /// The weight of a run of `+` or of `-`.
    private mutating func signs() -> Double {
        let sign = scalars[index]
        var weight = 1.0
        while scalar == sign {
            weight *= sign == "+" ? Self.moreFactor : Self.lessFactor
            index += 1
        }
        return weight
    }

    private mutating func multiply(from start: Int, by weight: Double) {
        pieces.multiply(from: start, by: weight)
    }

    private func refuseOperator() throws(PromptSyntaxError) {
        let rest = scalars[index...]
        guard let name = Self.operators.first(where: { rest.starts(with: $0.unicodeScalars) })
        else { return }
        throw PromptSyntaxError(
            index: index,
            "begins \(name.dropLast()), which is not supported: weigh words with +, - or a number")
    }
}
