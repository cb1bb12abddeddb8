internal import Tensors
internal import Tokenization

extension UNet {
    /// Floating-point operations of one prediction for one image; see ``OperationCount``.
    ///
    /// - Parameter grid: the latents' sides.
    func operationCount(_ grid: FeatureGrid, contextTokens: Int) -> Int {
        var count = OperationCount(contextTokens: contextTokens)
        for (first, second) in [timeEmbedding, labelEmbedding] {
            count.linear(first, rows: 1)
            count.linear(second, rows: 1)
        }
        walk(grid, &count)
        return count.total
    }
}

extension VAEDecoder {
    /// Floating-point operations of decoding one image; see ``OperationCount``.
    ///
    /// - Parameter grid: the latents' sides.
    func operationCount(_ grid: FeatureGrid) -> Int {
        var count = OperationCount()
        var grid = grid
        count.linear(postQuantization, rows: grid.tokens)
        count.convolution(inputConvolution, grid)
        count.residual(middle.0, grid)
        count.attention(middle.1, grid)
        count.residual(middle.2, grid)
        for stage in stages {
            for block in stage.blocks { count.residual(block, grid) }
            if let upsample = stage.upsample {
                grid = grid.doubled
                count.convolution(upsample, grid)
            }
        }
        count.convolution(outputConvolution, grid)
        return count.total
    }
}

extension VAEEncoder {
    /// Floating-point operations of encoding one image; see ``OperationCount``.
    ///
    /// - Parameter grid: the picture's sides.
    func operationCount(_ grid: FeatureGrid) -> Int {
        var count = OperationCount()
        let grid = walk(grid, &count)
        count.convolution(outputConvolution, grid)
        count.linear(quantization, rows: grid.tokens)
        return count.total
    }
}

extension TextEncoder {
    /// Floating-point operations of encoding one text; see ``OperationCount``.
    var operationCount: Int {
        let tokens = CLIPTokenizer.length
        var count = OperationCount()
        // Without a pooled output nothing reads the last layer.
        for layer in pooling == nil ? layers.dropLast() : layers[...] {
            for part in [
                layer.queries, layer.keys, layer.values, layer.output, layer.expand, layer.contract,
            ] {
                count.linear(part, rows: tokens)
            }
            count.attention(tokens: tokens, over: tokens, channels: width)
        }
        return count.total + 2 * width * pooledWidth
    }
}
