/// A stretch of a prompt that a text encoder takes at once, with the weights of its tokens.
public struct PromptChunk: Equatable, Sendable {
    public var tokens: TokenizedPrompt
    /// One for each token; 1 for start, end and padding.
    public var weights: [Float]
    /// For each part of the prompt that has tokens here, their positions.
    public var positions: [Int: Range<Int>]
}

extension PromptChunk {
    public init(unweighted tokens: TokenizedPrompt) {
        self.init(
            tokens: tokens, weights: Array(repeating: 1, count: tokens.ids.count), positions: [:])
    }
}

extension CLIPTokenizer {
    /// Text tokens in a chunk, between its own start and end token.
    public static let chunkLength = length - 2
    /// The longest weighted prompt: 750 tokens.
    public static let chunkMaximum = 10

    /// Chunks that a prompt fills; at least one.
    public func chunkCount(
        of fragments: [WeightedText], padding: Padding, learned: [LearnedWord] = []
    ) -> Int {
        let count = fragments.reduce(0) {
            $0 + tokens(of: $1.text, padding: padding, learned: learned).count
        }
        return max(1, (count + Self.chunkLength - 1) / Self.chunkLength)
    }

    /// A prompt of any length in stretches of ``chunkLength`` tokens.
    ///
    /// - Parameters:
    ///   - fragments: each is tokenized by itself.
    ///   - filler: what stands behind the end token, where the encoder's own padding is not wanted.
    ///   - learned: words with tokens of their own.
    public func chunks(
        of fragments: [WeightedText], padding: Padding, filler: Int32? = nil,
        learned: [LearnedWord] = []
    ) -> [PromptChunk] {
        let filler = filler ?? padding.filler
        var rest: [(id: Int32, weight: Float, part: Int)] = []
        for (part, fragment) in fragments.enumerated() {
            rest += tokens(of: fragment.text, padding: padding, learned: learned).map {
                ($0, Float(fragment.weight), part)
            }
        }
        return stride(from: 0, to: max(1, rest.count), by: Self.chunkLength).map { start in
            let tokens = rest[start..<min(start + Self.chunkLength, rest.count)]
            let empty = Self.length - tokens.count - 2
            let ids =
                [Self.startOfText] + tokens.map(\.id) + [Self.endOfText]
                + repeatElement(filler, count: empty)
            var positions: [Int: Range<Int>] = [:]
            for (position, token) in tokens.enumerated() {
                let first = positions[token.part]?.lowerBound ?? position + 1
                positions[token.part] = first..<position + 2
            }
            return PromptChunk(
                tokens: TokenizedPrompt(
                    ids: ids, endIndex: ids.firstIndex(of: Self.endOfText) ?? tokens.count + 1,
                    truncatedCount: 0),
                weights: [1] + tokens.map(\.weight) + repeatElement(1, count: empty + 1),
                positions: positions)
        }
    }
}
