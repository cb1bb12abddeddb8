internal import Tensors
internal import Tokenization

/// Estimates from shapes alone, in bytes, how much of a lane's arena a network takes at once: what its
/// blocks leave behind until the network's end, the most that lies within one block, and what the layers
/// work in. A little too much rather than too little: `MemoryCountTests` holds it against the arena.
struct MemoryCount: NetworkCount {
    /// Numbers that stay until the network's end.
    private(set) var kept = 0
    /// The most within one block.
    private(set) var inner = 0
    private var inputsMaximum = 0
    let images: Int

    init(images: Int) { self.images = images }

    mutating func join(_ grid: Grid, channels: Int) { keep(grid, channels: channels) }

    mutating func keep(_ grid: Grid, channels: Int) { kept += images * grid.tokens * channels }

    /// Work within a block, gone after it.
    mutating func pass(_ grid: Grid, channels: Int) {
        inner = max(inner, images * grid.tokens * channels)
    }

    mutating func convolution(_ layer: Convolution, _ output: Grid) {
        keep(output, channels: layer.outputs)
        inputsMaximum = max(inputsMaximum, layer.inputs)
    }

    /// Two norms, a convolution between them.
    mutating func residual(_ block: ResidualBlock, _ grid: Grid) {
        let (inputs, outputs) = (block.convolution1.inputs, block.outputs)
        keep(grid, channels: outputs)
        pass(grid, channels: inputs + 2 * outputs)
        inputsMaximum = max(inputsMaximum, inputs, outputs)
    }

    /// The norm's result and what goes through the blocks; in a block, the widest is the gated layer's
    /// result (4 times as wide) with the sums for Strassen's products over it, or queries, keys, values and
    /// packed keys and values.
    mutating func transformer(_ transformer: SpatialTransformer, _ grid: Grid) {
        let channels = transformer.projectionIn.outputs
        let gated = transformer.blocks.first?.contract.inputs ?? 0
        keep(grid, channels: channels)
        pass(grid, channels: 3 * channels + max(2 * gated, 6 * channels))
    }

    mutating func attention(_ block: VAEDecoder.AttentionBlock, _ grid: Grid) {
        let channels = block.queries.outputs
        keep(grid, channels: channels)
        pass(grid, channels: 7 * channels)
        inputsMaximum = max(inputsMaximum, channels)
    }

    /// - Parameter threads: of the lane.
    func byteCount(threads: Int) -> Int {
        MemoryLayout<Float>.stride
            * (kept + inner + Compute.scratchFloatCount(inputs: inputsMaximum, threads: threads))
    }
}

extension UNet {
    /// What one prediction takes of the arena, in bytes; see ``MemoryCount``.
    ///
    /// - Parameter grid: the latents' sides.
    func memoryByteCount(_ grid: FeatureGrid, images: Int, threads: Int) -> Int {
        var count = MemoryCount(images: images)
        walk(grid, &count)
        count.keep(grid, channels: outputConvolution.inputs)
        return count.byteCount(threads: threads)
    }

    /// What a prompt is kept as for all steps, in bytes.
    func promptByteCount(images: Int, tokens: Int) -> Int {
        let channels = transformers.reduce(0) { sum, transformer in
            sum + transformer.blocks.reduce(0) { $0 + 2 * $1.crossAttention.keys.outputs }
        }
        return MemoryLayout<Float>.stride * images * tokens * (channels + contextWidth)
    }
}

extension VAEDecoder {
    /// What decoding one image takes of the arena, in bytes: the picture, the last stage's input and a
    /// block's result, or the two last stages' inputs, and two bands of what lies between layers.
    ///
    /// - Parameter grid: the latents' sides.
    func memoryByteCount(
        _ grid: FeatureGrid, threads: Int, _ bands: Bands = Bands()
    ) -> Int {
        let scale = 1 << (stages.count - 1)
        var last = grid
        for _ in stages.dropFirst() { last = last.doubled }
        let inputs = (stages.map(\.widest).max() ?? 0)
        var peak = 0
        var taken = last.tokens * outputConvolution.outputs
        for (index, stage) in stages.enumerated().reversed() {
            let tokens = grid.tokens << (2 * index)
            taken += tokens * stage.widest
            let result = stage.blocks.map(\.outputs).max() ?? 0
            let rows = min(tokens * stage.widest, bands.floatCount * 5 / 4)
            peak = max(peak, taken + tokens * result + 2 * rows)
        }
        let middle = grid.tokens * stages[0].inputs * 12
        precondition(scale * scale * grid.tokens == last.tokens, "every stage but one doubles")
        return MemoryLayout<Float>.stride
            * (max(peak, taken + middle)
                + Compute.scratchFloatCount(inputs: inputs, threads: threads))
    }
}

extension VAEEncoder {
    /// What encoding one image takes of the arena, in bytes.
    ///
    /// - Parameter grid: the picture's sides.
    func memoryByteCount(_ grid: FeatureGrid, threads: Int) -> Int {
        var count = MemoryCount(images: 1)
        count.keep(grid, channels: 3)
        let grid = walk(grid, &count)
        count.keep(grid, channels: outputConvolution.inputs + 2 * outputConvolution.outputs)
        return count.byteCount(threads: threads)
    }
}
