internal import Tensors
internal import Weights

extension UNet {
    /// Reads the structure off the tensor names of the original single-file layout and every size
    /// off the shapes.
    ///
    /// - Parameters:
    ///   - pooledWidth: of the text encoder that this UNet is conditioned on.
    ///   - timeIDCount: 6 for the base, 5 for the refiner.
    init(
        _ scope: WeightScope, headDimension: Int, pooledWidth: Int, timeIDCount: Int
    ) throws(ModelFileError) {
        self.pooledWidth = pooledWidth
        self.timeIDCount = timeIDCount

        inputConvolution = try scope["input_blocks"][0][0].convolution(inputs: 4)
        modelChannels = inputConvolution.outputs
        timeEmbedding = try Self.perceptron(scope["time_embed"], inputs: modelChannels)
        let embedding = timeEmbedding.1.outputs
        let label = scope["label_emb"][0]
        let labelWidth = try label.tensor("0.weight", axes: 2).shape[1]
        timeIDWidth = (labelWidth - pooledWidth) / timeIDCount
        guard timeIDWidth > 0, timeIDWidth % 2 == 0,
            pooledWidth + timeIDCount * timeIDWidth == labelWidth
        else {
            throw label.misfit(
                "0.weight",
                """
                takes \(labelWidth) numbers, which are not \(pooledWidth) of the pooled text and \
                \(timeIDCount) sizes
                """)
        }
        labelEmbedding = try Self.perceptron(label, inputs: labelWidth, outputs: embedding)

        let middleScope = scope["middle_block"]
        let contextWidth = try middleScope.tensor(
            "1.transformer_blocks.0.attn2.to_k.weight", axes: 2
        ).shape[1]
        self.contextWidth = contextWidth
        func transformer(
            _ scope: WeightScope, _ channels: Int
        ) throws(ModelFileError) -> SpatialTransformer? {
            guard scope.has("norm.weight") else { return nil }
            return try SpatialTransformer(
                scope, channels: channels, context: contextWidth, headDimension: headDimension)
        }

        // Down, keeping each result's channels for the way up.
        var channels = modelChannels
        var skips = [channels]
        var down: [DownBlock] = []
        while true {
            let block = scope["input_blocks"][down.count + 1]
            if block.has("0.op.weight") {
                down.append(
                    .downsample(
                        try block[0]["op"].convolution(inputs: channels, outputs: channels)))
            } else if block.has("0.in_layers.0.weight") {
                let residual = try ResidualBlock(
                    unet: block[0], inputs: channels, embedding: embedding)
                channels = residual.outputs
                down.append(.residual(residual, try transformer(block[1], channels)))
            } else {
                break
            }
            skips.append(channels)
        }
        self.down = down

        let first = try ResidualBlock(unet: middleScope[0], inputs: channels, embedding: embedding)
        channels = first.outputs
        let attention = try SpatialTransformer(
            middleScope[1], channels: channels, context: contextWidth,
            headDimension: headDimension)
        let last = try ResidualBlock(unet: middleScope[2], inputs: channels, embedding: embedding)
        channels = last.outputs
        middle = (first, attention, last)

        var up: [UpBlock] = []
        while let skip = skips.popLast() {
            let block = scope["output_blocks"][up.count]
            let residual = try ResidualBlock(
                unet: block[0], inputs: channels + skip, embedding: embedding)
            channels = residual.outputs
            let transformer = try transformer(block[1], channels)
            let upsample = block[transformer == nil ? 1 : 2]
            up.append(
                UpBlock(
                    residual: residual, transformer: transformer,
                    upsample: upsample.has("conv.weight")
                        ? try upsample["conv"].convolution(inputs: channels, outputs: channels)
                        : nil))
        }
        self.up = up
        outputNorm = try scope["out"][0].groupNorm(channels, epsilon: 1e-5)
        outputConvolution = try scope["out"][2].convolution(inputs: channels, outputs: 4)
    }

    private static func perceptron(
        _ scope: WeightScope, inputs: Int, outputs: Int? = nil
    ) throws(ModelFileError) -> (Linear, Linear) {
        let first = try scope[0].linear(inputs: inputs)
        return (first, try scope[2].linear(inputs: first.outputs, outputs: outputs))
    }
}
