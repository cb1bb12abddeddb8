internal import Tensors
internal import Weights

/// Pixels to latents: the decoder's mirror image, giving a distribution rather than one picture.
struct VAEEncoder: Sendable {
    let inputConvolution: Convolution
    let stages: [Stage]
    let middle: (ResidualBlock, VAEDecoder.AttentionBlock, ResidualBlock)
    let outputNorm: GroupNorm
    let outputConvolution: Convolution
    let quantization: Linear

    struct Stage: Sendable {
        let blocks: [ResidualBlock]
        let downsample: Convolution?
    }

    /// - Parameter pixels: [images, height, width, 3] in -1...1; both sides multiples of 8.
    /// - Returns: [images, height / 8, width / 8, 8]: the means of the four latents, then the
    ///   logarithms of their variances, neither clamped nor scaled.
    func encode(_ pixels: Activation, _ compute: Compute) -> Activation {
        precondition(pixels.height % 8 == 0 && pixels.width % 8 == 0)
        var hidden = compute.convolution(pixels, inputConvolution)
        for stage in stages {
            for block in stage.blocks {
                hidden = block.forward(hidden, compute)
            }
            if let downsample = stage.downsample {
                hidden = compute.convolution(hidden, downsample, stride: .twoUnpaddedBefore)
            }
        }
        hidden = middle.0.forward(hidden, compute)
        hidden = middle.1.forward(hidden, compute)
        hidden = middle.2.forward(hidden, compute)
        let moments = compute.convolution(
            compute.groupNorm(hidden, outputNorm, activation: .silu), outputConvolution)
        return compute.linear(moments, quantization)
    }
}

extension VAEEncoder {
    /// From the original single file, `first_stage_model.`.
    init(_ scope: WeightScope) throws(ModelFileError) {
        let encoder = scope["encoder"]
        inputConvolution = try encoder["conv_in"].convolution(inputs: 3)
        var channels = inputConvolution.outputs
        var stages: [Stage] = []
        for index in 0..<encoder.count(of: "down", probe: "block.0.norm1.weight") {
            let stage = encoder["down"][index]
            var blocks: [ResidualBlock] = []
            for block in 0..<stage.count(of: "block", probe: "norm1.weight") {
                let residual = try ResidualBlock(vae: stage["block"][block], inputs: channels)
                channels = residual.outputs
                blocks.append(residual)
            }
            let downsample = stage["downsample"]["conv"]
            stages.append(
                Stage(
                    blocks: blocks,
                    downsample: downsample.has("weight")
                        ? try downsample.convolution(inputs: channels, outputs: channels) : nil))
        }
        guard stages.count == 4, stages.count(where: { $0.downsample != nil }) == 3 else {
            throw encoder.misfit(
                "down", "does not have the 4 stages and 3 downsamplings of SDXL's VAE")
        }
        self.stages = stages
        let mid = encoder["mid"]
        middle = (
            try ResidualBlock(vae: mid["block_1"], inputs: channels),
            try VAEDecoder.AttentionBlock(mid["attn_1"], channels: channels),
            try ResidualBlock(vae: mid["block_2"], inputs: channels)
        )
        outputNorm = try encoder["norm_out"].groupNorm(channels, epsilon: 1e-6)
        outputConvolution = try encoder["conv_out"].convolution(inputs: channels, outputs: 8)
        quantization = try scope["quant_conv"].pointwise(inputs: 8, outputs: 8)
    }
}
