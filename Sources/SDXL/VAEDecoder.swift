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

    struct Stage: Sendable {
        let blocks: [ResidualBlock]
        let upsample: Convolution?
    }

    /// One head of attention over all pixels, around a shortcut.
    struct AttentionBlock: Sendable {
        let norm: GroupNorm
        let queries: Linear
        let keys: Linear
        let values: Linear
        let output: Linear
    }

    /// - Parameter latents: [images, height, width, 4], as the denoiser leaves them.
    /// - Returns: [images, 8 * height, 8 * width, 3] in about -1...1, not clamped.
    func decode(_ latents: Activation, _ compute: Compute) -> Activation {
        let scaled = compute.activation(like: latents)
        for index in 0..<latents.count {
            scaled.data[index] = latents.data[index] / Self.scalingFactor
        }
        var hidden = compute.convolution(
            compute.linear(scaled, postQuantization), inputConvolution)
        hidden = middle.0.forward(hidden, compute)
        hidden = forward(middle.1, hidden, compute)
        hidden = middle.2.forward(hidden, compute)
        for stage in stages {
            for block in stage.blocks {
                hidden = block.forward(hidden, compute)
            }
            if let upsample = stage.upsample {
                hidden = compute.convolution(
                    hidden, upsample,
                    stride: .upsampled(height: 2 * hidden.height, width: 2 * hidden.width))
            }
        }
        return compute.convolution(
            compute.groupNorm(hidden, outputNorm, activation: .silu), outputConvolution)
    }

    private func forward(
        _ block: AttentionBlock, _ input: Activation, _ compute: Compute
    ) -> Activation {
        let out = compute.activation(like: input)
        compute.scoped {
            let normed = compute.groupNorm(input, block.norm)
            let attended = compute.attention(
                queries: compute.linear(normed, block.queries),
                keys: compute.linear(normed, block.keys),
                values: compute.linear(normed, block.values), headDimension: input.channels)
            compute.linear(attended, block.output, residual: input, into: out)
        }
        return out
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
        guard stages.count == 4 else {
            throw decoder.misfit("up", "has \(stages.count) stages; SDXL's VAE has 4")
        }
        self.stages = stages
        outputNorm = try decoder["norm_out"].groupNorm(channels, epsilon: 1e-6)
        outputConvolution = try decoder["conv_out"].convolution(inputs: channels, outputs: 3)
    }
}

extension VAEDecoder.AttentionBlock {
    init(_ scope: WeightScope, channels: Int) throws(ModelFileError) {
        norm = try scope["norm"].groupNorm(channels, epsilon: 1e-6)
        queries = try scope["q"].pointwise(inputs: channels, outputs: channels)
        keys = try scope["k"].pointwise(inputs: channels, outputs: channels)
        values = try scope["v"].pointwise(inputs: channels, outputs: channels)
        output = try scope["proj_out"].pointwise(inputs: channels, outputs: channels)
    }
}
