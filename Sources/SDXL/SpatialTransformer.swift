internal import Tensors
internal import Weights

/// Transformer blocks over the pixels of a feature map, each looking at the prompt.
struct SpatialTransformer: Sendable {
    let norm: GroupNorm
    var projectionIn: Linear
    var blocks: [Block]
    var projectionOut: Linear

    struct Block: Sendable {
        let norm1: LayerNorm
        var selfAttention: AttentionLayer
        let norm2: LayerNorm
        var crossAttention: AttentionLayer
        let norm3: LayerNorm
        /// To [values, gates] of the GEGLU.
        var expand: Linear
        var contract: Linear
    }

    /// A new activation. `context`: [images, 77, width].
    func forward(_ input: Activation, _ context: Activation, _ compute: Compute) -> Activation {
        let out = compute.activation(like: input)
        compute.scoped {
            let hidden = compute.linear(compute.groupNorm(input, norm), projectionIn)
            for block in blocks {
                compute.scoped { block.forward(hidden, context, compute) }
            }
            compute.linear(hidden, projectionOut, residual: input, into: out)
        }
        return out
    }
}

extension SpatialTransformer.Block {
    /// Adds the block's three parts to `hidden`, in place.
    func forward(_ hidden: Activation, _ context: Activation, _ compute: Compute) {
        compute.scoped {
            let normed = compute.layerNorm(hidden, norm1)
            selfAttention.add(of: normed, over: normed, to: hidden, compute)
        }
        compute.scoped {
            let normed = compute.layerNorm(hidden, norm2)
            crossAttention.add(of: normed, over: context, to: hidden, compute)
        }
        let gated = compute.geglu(compute.linear(compute.layerNorm(hidden, norm3), expand))
        compute.linear(gated, contract, residual: hidden, into: hidden)
    }
}

/// Multi-head attention with its four projections.
struct AttentionLayer: Sendable {
    var queries: Linear
    var keys: Linear
    var values: Linear
    var output: Linear
    let headDimension: Int

    /// target += attention of `input`'s tokens over `context`'s.
    func add(
        of input: Activation, over context: Activation, to target: Activation, _ compute: Compute
    ) {
        let attended = compute.attention(
            queries: compute.linear(input, queries), keys: compute.linear(context, keys),
            values: compute.linear(context, values), headDimension: headDimension)
        compute.linear(attended, output, residual: target, into: target)
    }
}

extension SpatialTransformer {
    init(
        _ scope: WeightScope, channels: Int, context: Int, headDimension: Int
    ) throws(ModelFileError) {
        norm = try scope["norm"].groupNorm(channels, epsilon: 1e-6)
        projectionIn = try scope["proj_in"].pointwise(inputs: channels, outputs: channels)
        guard headDimension > 0, channels % headDimension == 0 else {
            throw scope.misfit(
                "proj_in.weight",
                "has \(channels) channels, which heads of \(headDimension) do not divide")
        }
        var blocks: [Block] = []
        for index in 0..<scope.count(of: "transformer_blocks", probe: "norm1.weight") {
            let block = scope["transformer_blocks"][index]
            let expand = try block["ff"]["net"]["0"]["proj"].linear(inputs: channels)
            blocks.append(
                Block(
                    norm1: try block["norm1"].layerNorm(channels),
                    selfAttention: try AttentionLayer(
                        block["attn1"], channels: channels, context: channels,
                        headDimension: headDimension),
                    norm2: try block["norm2"].layerNorm(channels),
                    crossAttention: try AttentionLayer(
                        block["attn2"], channels: channels, context: context,
                        headDimension: headDimension),
                    norm3: try block["norm3"].layerNorm(channels),
                    expand: expand,
                    contract: try block["ff"]["net"]["2"].linear(
                        inputs: expand.outputs / 2, outputs: channels)))
        }
        self.blocks = blocks
        projectionOut = try scope["proj_out"].pointwise(inputs: channels, outputs: channels)
    }
}

extension AttentionLayer {
    init(
        _ scope: WeightScope, channels: Int, context: Int, headDimension: Int
    ) throws(ModelFileError) {
        queries = try scope["to_q"].linear(inputs: channels, outputs: channels, bias: false)
        keys = try scope["to_k"].linear(inputs: context, outputs: channels, bias: false)
        values = try scope["to_v"].linear(inputs: context, outputs: channels, bias: false)
        output = try scope["to_out"][0].linear(inputs: channels, outputs: channels)
        self.headDimension = headDimension
    }
}
