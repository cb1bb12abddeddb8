/// Weights as AUTOMATIC1111 has them and the library sd_embed reads them (`parse_prompt_attention`):
/// `(x)` weighs 1.1, `(x:1.3)` weighs 1.3, `[x]` weighs 1 / 1.1; brackets within brackets multiply. A
/// backslash makes a bracket or backslash an ordinary character. A bracket that is not closed reaches
/// to the end; one that was not opened is text.
///
/// Differs from sd_embed in one thing: `BREAK` is a word like any other, where sd_embed gives it the
/// weight -1.
struct EmphasisParser {
    private let scalars: [Unicode.Scalar]
    private var pieces: [PromptPiece] = []
    /// Per kind of bracket, what of ``pieces`` came before each open one.
    private var round: [Int] = []
    private var square: [Int] = []

    private static let factor = 1.1

    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    mutating func parse() throws(PromptSyntaxError) -> [PromptPiece] {
        var index = 0
        while index < scalars.count {
            switch scalars[index] {
            case "\\":
                // Before anything else a lone backslash is dropped.
                if index + 1 < scalars.count, "()[]\\".unicodeScalars.contains(scalars[index + 1]) {
                    index += 1
                    append(scalars[index], at: index)
                }
            case "(":
                try checkDepth(index)
                round.append(pieces.count)
            case "[":
                try checkDepth(index)
                square.append(pieces.count)
            case ")" where !round.isEmpty:
                pieces.multiply(from: round.removeLast(), by: Self.factor)
            case "]" where !square.isEmpty:
                pieces.multiply(from: square.removeLast(), by: 1 / Self.factor)
            case ":" where !round.isEmpty:
                if let (weight, end) = try closingWeight(after: index) {
                    pieces.multiply(from: round.removeLast(), by: weight)
                    index = end
                } else {
                    append(":", at: index)
                }
            case let scalar:
                append(scalar, at: index)
            }
            index += 1
        }
        for start in round { pieces.multiply(from: start, by: Self.factor) }
        for start in square { pieces.multiply(from: start, by: 1 / Self.factor) }
        return pieces
    }

    /// To the last piece, unless a bracket has stood between the two.
    private mutating func append(_ scalar: Unicode.Scalar, at index: Int) {
        let starts = [round.last, square.last].contains(pieces.count)
        if let last = pieces.indices.last, !starts, pieces[last].weight == 1 {
            pieces[last].text.unicodeScalars.append(scalar)
        } else {
            pieces.append(PromptPiece(text: String(scalar), index: index))
        }
    }

    private func checkDepth(_ index: Int) throws(PromptSyntaxError) {
        guard round.count + square.count < PromptSyntax.depthMaximum else {
            throw PromptSyntaxError(
                index: index,
                "opens bracket \(PromptSyntax.depthMaximum + 1) within another; "
                    + "at most \(PromptSyntax.depthMaximum) are taken")
        }
    }

    /// The number between a colon and a closing bracket, and the bracket's index; nil when the colon
    /// is text.
    private func closingWeight(
        after colon: Int
    ) throws(PromptSyntaxError) -> (weight: Double, end: Int)? {
        var end = colon + 1
        if end < scalars.count, scalars[end] == "+" || scalars[end] == "-" { end += 1 }
        let digits = end
        while end < scalars.count, scalars[end] == "." || ("0"..."9").contains(scalars[end]) {
            end += 1
        }
        guard end > digits, end < scalars.count, scalars[end] == ")" else { return nil }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[colon + 1..<end])
        guard let weight = Double(plainNumber: String(text)) else {
            throw PromptSyntaxError(
                index: colon + 1, "begins a weight that is no number: write one such as 1.2")
        }
        return (weight, end)
    }
}

extension Double {
    /// Digits with at most one point, which may come first or last, and perhaps a sign before them;
    /// nothing else that Swift or C would take, such as an exponent.
    init?(plainNumber text: String) {
        let sign = text.first.map { $0 == "-" || $0 == "+" } ?? false
        let digits = text.dropFirst(sign ? 1 : 0)
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, digits.contains(where: { $0 != "." }),
            digits.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (48...57).contains($0) })
        else { return nil }
        let whole = parts[0].isEmpty ? "0" : parts[0]
        let fraction = parts.count == 1 || parts[1].isEmpty ? "0" : parts[1]
        self.init((text.hasPrefix("-") ? "-" : "") + whole + "." + fraction)
    }
}
