internal import Tensors
internal import Weights

/// Two convolutions around a shortcut: the UNet's, which also takes the time embedding, and the
/// VAE's, which has none.
struct ResidualBlock: Sendable {
    let norm1: GroupNorm
    var convolution1: Convolution
    /// Of the embedding after its SiLU; added to every pixel between the convolutions.
    var timeProjection: Linear?
    let norm2: GroupNorm
    var convolution2: Convolution
    /// Where the channel count changes.
    var shortcut: Linear?

    var outputs: Int { convolution2.outputs }

    /// A new activation. `embedding`: [images, channels], SiLU applied.
    func forward(
        _ input: Activation, embedding: Activation? = nil, _ compute: Compute
    ) -> Activation {
        // The result first, so that everything else can be given back.
        let out = compute.activation(like: input, channels: outputs)
        compute.scoped {
            let offset = timeProjection.flatMap { projection in
                embedding.map { compute.linear($0, projection) }
            }
            let first = compute.convolution(
                compute.groupNorm(input, norm1, activation: .silu), convolution1, offset: offset)
            let normed = compute.groupNorm(first, norm2, activation: .silu)
            var kept = input
            if let shortcut {
                compute.linear(input, shortcut, into: out)
                kept = out
            }
            compute.convolution(normed, convolution2, residual: kept, into: out)
        }
        return out
    }

    /// The same without a time embedding, in the memory of `input` and with little beside it: for the
    /// VAE's large pictures. Where the channels grow, there must be room for them behind `input`.
    func replace(_ input: Activation, _ compute: Compute, _ bands: Bands) -> Activation {
        compute.scoped {
            let first = compute.activation(like: input, channels: outputs)
            compute.convolution(
                ofNormed: input, norm1, activation: .silu, convolution1, into: first, bands)
            let out = shortcut.map { compute.replace(input, by: $0, bands) } ?? input
            compute.convolution(
                ofNormed: first, norm2, activation: .silu, convolution2, residual: out, into: out,
                bands)
            return out
        }
    }
}

extension ResidualBlock {
    /// As the UNet of the original single file names it.
    init(unet scope: WeightScope, inputs: Int, embedding: Int) throws(ModelFileError) {
        norm1 = try scope["in_layers"][0].groupNorm(inputs, epsilon: 1e-5)
        convolution1 = try scope["in_layers"][2].convolution(inputs: inputs)
        let outputs = convolution1.outputs
        timeProjection = try scope["emb_layers"][1].linear(inputs: embedding, outputs: outputs)
        norm2 = try scope["out_layers"][0].groupNorm(outputs, epsilon: 1e-5)
        convolution2 = try scope["out_layers"][3].convolution(inputs: outputs, outputs: outputs)
        shortcut =
            inputs == outputs
            ? nil : try scope["skip_connection"].pointwise(inputs: inputs, outputs: outputs)
    }

    /// As the VAE of the original single file names it.
    init(vae scope: WeightScope, inputs: Int) throws(ModelFileError) {
        norm1 = try scope["norm1"].groupNorm(inputs, epsilon: 1e-6)
        convolution1 = try scope["conv1"].convolution(inputs: inputs)
        let outputs = convolution1.outputs
        timeProjection = nil
        norm2 = try scope["norm2"].groupNorm(outputs, epsilon: 1e-6)
        convolution2 = try scope["conv2"].convolution(inputs: outputs, outputs: outputs)
        shortcut =
            inputs == outputs
            ? nil : try scope["nin_shortcut"].pointwise(inputs: inputs, outputs: outputs)
    }
}
