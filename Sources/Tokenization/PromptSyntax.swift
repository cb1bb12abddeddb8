/// A part of a prompt, all of whose tokens have one weight.
public struct WeightedText: Equatable, Sendable {
    public var text: String
    /// 1 changes nothing.
    public var weight: Double

    public init(_ text: String, weight: Double = 1) {
        self.text = text
        self.weight = weight
    }
}

/// How weights are written into a prompt.
public enum PromptSyntax: Sendable, CaseIterable {
    /// `word+`, `word--`, `(some words)1.2`, `"some words"+`: the library compel's; see
    /// `CompelParser`.
    case compel
    /// `(word:1.2)`, `((word))`, `[word]`: AUTOMATIC1111's, as the library sd_embed reads it; see
    /// `EmphasisParser`.
    case sdEmbeds

    /// Brackets within brackets.
    public static let depthMaximum = 32
    /// Parts of different weight.
    public static let fragmentMaximum = 256
    /// Parts that weigh less than 1 in compel's syntax, each of which takes the text encoders once more.
    public static let lightPartMaximum = 16
    /// Of all brackets around a word together; the least is its negative.
    public static let weightMaximum = 100.0

    /// The parts of `prompt`, in order, neighbours of different weight; at least one.
    public func parse(_ prompt: String) throws(PromptSyntaxError) -> [WeightedText] {
        let scalars = Array(prompt.unicodeScalars)
        switch self {
        case .compel:
            var parser = CompelParser(scalars)
            let fragments = try Self.joined(parser.parse(), by: " ")
            let lightCount = fragments.count { $0.weight < 1 }
            guard lightCount <= Self.lightPartMaximum else {
                throw PromptSyntaxError(
                    index: 0,
                    "begins a prompt with \(lightCount) parts that weigh less than 1; "
                        + "at most \(Self.lightPartMaximum) are taken")
            }
            return fragments
        case .sdEmbeds:
            var parser = EmphasisParser(scalars)
            return try Self.joined(parser.parse(), by: "")
        }
    }

    /// Makes one of neighbours of the same weight, and checks what is left.
    private static func joined(
        _ pieces: [PromptPiece], by separator: String
    ) throws(PromptSyntaxError) -> [WeightedText] {
        var fragments: [WeightedText] = []
        for piece in pieces {
            guard abs(piece.weight) <= weightMaximum else {
                throw PromptSyntaxError(
                    index: piece.index,
                    "begins a part whose weights multiply to \(Float(piece.weight)): "
                        + "stay within \(Int(weightMaximum))")
            }
            if let last = fragments.indices.last, fragments[last].weight == piece.weight {
                fragments[last].text += separator + piece.text
                continue
            }
            guard fragments.count < fragmentMaximum else {
                throw PromptSyntaxError(
                    index: piece.index,
                    "begins part \(fragmentMaximum + 1) of another weight; "
                        + "at most \(fragmentMaximum) are taken")
            }
            fragments.append(WeightedText(piece.text, weight: piece.weight))
        }
        return fragments.isEmpty ? [WeightedText("")] : fragments
    }
}

/// Why a prompt's weights cannot be read.
public struct PromptSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Of the character, that is Unicode scalar, at fault, counted from 1.
    public let position: Int
    /// Continues "character 5 ".
    public let problem: String

    init(index: Int, _ problem: String) {
        position = index + 1
        self.problem = problem
    }

    public var description: String { "character \(position) \(problem)" }
}

/// A run of text as a parser finds it, before neighbours are joined.
struct PromptPiece {
    var text: String
    var weight = 1.0
    /// Where it begins among the prompt's scalars.
    var index: Int
}

extension [PromptPiece] {
    /// Multiplies the weights of all pieces from `start` on.
    mutating func multiply(from start: Int, by weight: Double) {
        for index in start..<count { self[index].weight *= weight }
    }
}
