internal import Tensors

/// Counts something of a network, layer by layer, from shapes alone. Which layers there are, on feature maps
/// of which size, is said once, in the networks' `walk`.
protocol NetworkCount {
    typealias Grid = FeatureGrid

    /// - Parameter output: where the filter goes.
    mutating func convolution(_ layer: Convolution, _ output: Grid)
    mutating func residual(_ block: ResidualBlock, _ grid: Grid)
    mutating func transformer(_ transformer: SpatialTransformer, _ grid: Grid)
    mutating func attention(_ block: VAEDecoder.AttentionBlock, _ grid: Grid)
    /// A feature map laid beside its twin's, so many channels together.
    mutating func join(_ grid: Grid, channels: Int)
}

extension NetworkCount {
    mutating func join(_ grid: Grid, channels: Int) {}
}

/// A feature map's sides.
struct FeatureGrid {
    var height: Int
    var width: Int

    var tokens: Int { height * width }
    /// After a downsampling.
    var halved: FeatureGrid { FeatureGrid(height: (height + 1) / 2, width: (width + 1) / 2) }
    var doubled: FeatureGrid { FeatureGrid(height: 2 * height, width: 2 * width) }
}

extension UNet {
    /// All but the embeddings of the timestep and the time ids.
    ///
    /// - Parameter grid: the latents' sides.
    func walk(_ grid: FeatureGrid, _ count: inout some NetworkCount) {
        var grid = grid
        count.convolution(inputConvolution, grid)
        var skips = [grid]
        for block in down {
            switch block {
            case .residual(let residual, let transformer):
                count.residual(residual, grid)
                if let transformer { count.transformer(transformer, grid) }
            case .downsample(let convolution):
                grid = grid.halved
                count.convolution(convolution, grid)
            }
            skips.append(grid)
        }
        count.residual(middle.0, grid)
        count.transformer(middle.1, grid)
        count.residual(middle.2, grid)
        for block in up {
            skips.removeLast()
            count.join(grid, channels: block.residual.convolution1.inputs)
            count.residual(block.residual, grid)
            if let transformer = block.transformer { count.transformer(transformer, grid) }
            if let upsample = block.upsample, let next = skips.last {
                grid = next
                count.convolution(upsample, grid)
            }
        }
        count.convolution(outputConvolution, grid)
    }
}

extension VAEEncoder {
    /// All up to the last convolution.
    ///
    /// - Parameter grid: the picture's sides.
    /// - Returns: the latents'.
    func walk(_ grid: FeatureGrid, _ count: inout some NetworkCount) -> FeatureGrid {
        var grid = grid
        count.convolution(inputConvolution, grid)
        for stage in stages {
            for block in stage.blocks { count.residual(block, grid) }
            if let downsample = stage.downsample {
                grid = grid.halved
                count.convolution(downsample, grid)
            }
        }
        count.residual(middle.0, grid)
        count.attention(middle.1, grid)
        count.residual(middle.2, grid)
        return grid
    }
}
