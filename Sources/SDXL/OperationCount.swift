internal import Tensors

/// Counts the floating-point operations of a network for one image: two for each multiplication of its
/// products, of its 3x3 convolutions as plain sums and of its attention; nothing else. By shapes alone,
/// so whatever a faster way of computing leaves out is counted all the same, and one engine's figure is
/// another's.
struct OperationCount: NetworkCount {
    private(set) var total = 0
    /// Of the prompt, for cross-attention.
    var contextTokens = 0

    mutating func linear(_ layer: Linear, rows: Int) {
        total += 2 * rows * layer.inputs * layer.outputs
    }

    /// - Parameter output: where the filter goes.
    mutating func convolution(_ layer: Convolution, _ output: Grid) {
        total += 2 * output.tokens * layer.inputs * 9 * layer.outputs
    }

    /// Scores and sums, with every token over every other, also where a mask hides some.
    mutating func attention(tokens: Int, over others: Int, channels: Int) {
        total += 4 * tokens * others * channels
    }

    mutating func residual(_ block: ResidualBlock, _ grid: Grid) {
        convolution(block.convolution1, grid)
        convolution(block.convolution2, grid)
        if let projection = block.timeProjection { linear(projection, rows: 1) }
        if let shortcut = block.shortcut { linear(shortcut, rows: grid.tokens) }
    }

    mutating func transformer(_ transformer: SpatialTransformer, _ grid: Grid) {
        let tokens = grid.tokens
        linear(transformer.projectionIn, rows: tokens)
        for block in transformer.blocks {
            attention(block.selfAttention, tokens: tokens, over: tokens)
            attention(block.crossAttention, tokens: tokens, over: contextTokens)
            linear(block.expand, rows: tokens)
            linear(block.contract, rows: tokens)
        }
        linear(transformer.projectionOut, rows: tokens)
    }

    private mutating func attention(_ layer: AttentionLayer, tokens: Int, over others: Int) {
        linear(layer.queries, rows: tokens)
        linear(layer.keys, rows: others)
        linear(layer.values, rows: others)
        attention(tokens: tokens, over: others, channels: layer.queries.outputs)
        linear(layer.output, rows: tokens)
    }

    mutating func attention(_ block: VAEDecoder.AttentionBlock, _ grid: Grid) {
        for layer in [block.queries, block.keys, block.values, block.output] {
            linear(layer, rows: grid.tokens)
        }
        attention(tokens: grid.tokens, over: grid.tokens, channels: block.queries.outputs)
    }
}
