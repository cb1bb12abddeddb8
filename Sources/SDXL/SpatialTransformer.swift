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

    /// A new activation.
    ///
    /// - Parameter prompt: what ``keysAndValues(of:_:)`` gave.
    func forward(
        _ input: Activation, _ prompt: [KeysAndValues], _ compute: Compute
    ) -> Activation {
        precondition(prompt.count == blocks.count)
        let out = compute.activation(like: input)
        compute.scoped {
            let hidden = compute.linear(compute.groupNorm(input, norm), projectionIn)
            for index in blocks.indices {
                compute.scoped { blocks[index].forward(hidden, prompt[index], compute) }
            }
            compute.linear(hidden, projectionOut, residual: input, into: out)
        }
        return out
    }

    /// New activations: what each block attends to in the prompt, the same at every step.
    ///
    /// - Parameter context: [images, 77, width]
    func keysAndValues(of context: Activation, _ compute: Compute) -> [KeysAndValues] {
        blocks.map { $0.crossAttention.keysAndValues(of: context, compute) }
    }
}

/// Of one attention layer: [images, tokens, channels] each.
struct KeysAndValues {
    let keys: Activation
    let values: Activation
}

extension SpatialTransformer.Block {
    /// Adds the block's three parts to `hidden`, in place.
    func forward(_ hidden: Activation, _ prompt: KeysAndValues, _ compute: Compute) {
        compute.scoped {
            let normed = compute.layerNorm(hidden, norm1)
            selfAttention.add(
                of: normed, over: selfAttention.keysAndValues(of: normed, compute), to: hidden,
                compute)
        }
        compute.scoped {
            let normed = compute.layerNorm(hidden, norm2)
            crossAttention.add(of: normed, over: prompt, to: hidden, compute)
        }
        let gated = compute.gatedLinear(compute.layerNorm(hidden, norm3), expand)
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

    /// New activations.
    func keysAndValues(of context: Activation, _ compute: Compute) -> KeysAndValues {
        KeysAndValues(
            keys: compute.linear(context, keys), values: compute.linear(context, values))
    }

    /// target += attention of `input`'s tokens over others.
    func add(
        of input: Activation, over others: KeysAndValues, to target: Activation,
        _ compute: Compute
    ) {
        let attended = compute.attention(
            queries: compute.linear(input, queries), keys: others.keys, values: others.values,
            headDimension: headDimension)
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
