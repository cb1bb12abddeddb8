internal import Tensors
internal import Weights

/// Latents to pixels.
struct VAEDecoder: Sendable {
    /// SDXL's latents are the encoder's times this.
    static let scalingFactor: Float = 0.13025

    let postQuantization: Linear
    let inputConvolution: Convolution
    let middle: (ResidualBlock, AttentionBlock, ResidualBlock)
    let stages: [Stage]
    let outputNorm: GroupNorm
    let outputConvolution: Convolution
    /// What its latents look like, once somebody wants previews.
    let colours = FittedColours()

    struct Stage: Sendable {
        let blocks: [ResidualBlock]
        let upsample: Convolution?

        var inputs: Int { blocks.first?.convolution1.inputs ?? 0 }
        /// The most channels that its blocks take or give.
        var widest: Int { blocks.map { max($0.convolution1.inputs, $0.outputs) }.max() ?? 0 }
    }

    /// One head of attention over all pixels, around a shortcut.
    struct AttentionBlock: Sendable {
        let norm: GroupNorm
        let queries: Linear
        let keys: Linear
        let values: Linear
        let output: Linear
    }

    /// Needs about 2 GiB beside the weights for 1024 x 1024 pixels, in proportion to them. The last
    /// stages' activations are a gigabyte each there, so no more than two exist at once, and what
    /// lies between their layers exists in bands.
    ///
    /// - Parameter latents: [images, height, width, 4], as the denoiser leaves them.
    /// - Returns: [images, 8 * height, 8 * width, 3] in about -1...1, not clamped.
    func decode(
        _ latents: Activation, _ compute: Compute, _ bands: Bands = Bands()
    ) -> Activation {
        let scale = 1 << (stages.count - 1)
        let picture = compute.activation(
            images: latents.images, height: latents.height * scale, width: latents.width * scale,
            channels: outputConvolution.outputs)
        compute.scoped {
            let hidden = blocks(of: stages.count - 1, latents, compute, bands)
            compute.convolution(
                ofNormed: hidden, outputNorm, activation: .silu, outputConvolution, into: picture,
                bands)
        }
        return picture
    }

    /// A new activation: all up to the residual blocks of a stage. Memory for it is taken first, so
    /// that the earlier stages' can be given back.
    private func blocks(
        of index: Int, _ latents: Activation, _ compute: Compute, _ bands: Bands
    ) -> Activation {
        let stage = stages[index]
        let height = latents.height << index
        let width = latents.width << index
        let widest = compute.activation(
            images: latents.images, height: height, width: width, channels: stage.widest)
        let input = Activation(
            data: widest.data, images: latents.images, height: height, width: width,
            channels: stage.inputs)
        compute.scoped {
            if index > 0, let upsample = stages[index - 1].upsample {
                let before = blocks(of: index - 1, latents, compute, bands)
                compute.convolution(
                    before, upsample, stride: .upsampled(height: height, width: width), into: input)
            } else {
                let first = lowest(latents, compute)
                input.data.update(from: first.data, count: first.count)
            }
        }
        return stage.blocks.reduce(input) { $1.replace($0, compute, bands) }
    }

    /// A new activation: all that happens at the latents' own size.
    private func lowest(_ latents: Activation, _ compute: Compute) -> Activation {
        let scaled = compute.activation(like: latents)
        for index in 0..<latents.count {
            scaled.data[index] = latents.data[index] / Self.scalingFactor
        }
        let hidden = compute.convolution(
            compute.linear(scaled, postQuantization), inputConvolution)
        return middle.2.forward(
            middle.1.forward(middle.0.forward(hidden, compute), compute), compute)
    }
}

extension VAEDecoder {
    /// From the original single file, `first_stage_model.`.
    init(_ scope: WeightScope) throws(ModelFileError) {
        postQuantization = try scope["post_quant_conv"].pointwise(inputs: 4, outputs: 4)
        let decoder = scope["decoder"]
        inputConvolution = try decoder["conv_in"].convolution(inputs: 4)
        var channels = inputConvolution.outputs
        let mid = decoder["mid"]
        middle = (
            try ResidualBlock(vae: mid["block_1"], inputs: channels),
            try AttentionBlock(mid["attn_1"], channels: channels),
            try ResidualBlock(vae: mid["block_2"], inputs: channels)
        )
        var stages: [Stage] = []
        for index in (0..<decoder.count(of: "up", probe: "block.0.norm1.weight")).reversed() {
            let stage = decoder["up"][index]
            var blocks: [ResidualBlock] = []
            for block in 0..<stage.count(of: "block", probe: "norm1.weight") {
                let residual = try ResidualBlock(vae: stage["block"][block], inputs: channels)
                channels = residual.outputs
                blocks.append(residual)
            }
            let upsample = stage["upsample"]["conv"]
            stages.append(
                Stage(
                    blocks: blocks,
                    upsample: upsample.has("weight")
                        ? try upsample.convolution(inputs: channels, outputs: channels) : nil))
        }
        guard stages.count == 4, stages.map({ $0.upsample != nil }) == [true, true, true, false],
            stages.allSatisfy({ !$0.blocks.isEmpty })
        else {
            throw decoder.misfit(
                "up",
                "does not have the 4 stages of SDXL's VAE, all but the last with an upsampling")
        }
        self.stages = stages
        outputNorm = try decoder["norm_out"].groupNorm(channels, epsilon: 1e-6)
        outputConvolution = try decoder["conv_out"].convolution(inputs: channels, outputs: 3)
    }
}

extension VAEDecoder.AttentionBlock {
    /// A new activation.
    func forward(_ input: Activation, _ compute: Compute) -> Activation {
        let out = compute.activation(like: input)
        compute.scoped {
            let normed = compute.groupNorm(input, norm)
            let attended = compute.attention(
                queries: compute.linear(normed, queries),
                keys: compute.linear(normed, keys),
                values: compute.linear(normed, values), headDimension: input.channels)
            compute.linear(attended, output, residual: input, into: out)
        }
        return out
    }

    init(_ scope: WeightScope, channels: Int) throws(ModelFileError) {
        norm = try scope["norm"].groupNorm(channels, epsilon: 1e-6)
        queries = try scope["q"].pointwise(inputs: channels, outputs: channels)
        keys = try scope["k"].pointwise(inputs: channels, outputs: channels)
        values = try scope["v"].pointwise(inputs: channels, outputs: channels)
        output = try scope["proj_out"].pointwise(inputs: channels, outputs: channels)
    }
}
