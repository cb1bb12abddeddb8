internal import Glibc
internal import Tensors
internal import Tokenization
internal import Weights

/// A CLIP text encoder: CLIP-L (the base's first) or OpenCLIP bigG (the base's second, the refiner's
/// only one). The two differ in how their files name things, in the activation, and in that only
/// bigG has a pooled output.
struct TextEncoder: Sendable {
    let width: Int
    let headDimension: Int
    let tokenEmbedding: WeightTensor
    let positionEmbedding: WeightTensor
    var layers: [Layer]
    let activation: ActivationFunction
    /// OpenCLIP's last norm and projection, [width, pooled width], used as x @ projection.
    let pooling: (norm: LayerNorm, projection: WeightTensor)?

    struct Layer: Sendable {
        let norm1: LayerNorm
        var queries: Linear
        var keys: Linear
        var values: Linear
        var output: Linear
        let norm2: LayerNorm
        var expand: Linear
        var contract: Linear
    }

    var pooledWidth: Int { pooling?.projection.shape[1] ?? 0 }

    /// - Parameters:
    ///   - prompts: ids of each prompt, all ``CLIPTokenizer/length`` long.
    ///   - skippedLayers: for each prompt, how many layers before the last but one its states are
    ///     taken; less than the layers; nil for none. The pooled output is not concerned.
    ///   - learned: the words whose vectors are not the encoder's own.
    ///   - hidden: positions that no token of the (one) prompt may attend to.
    /// - Returns: `states` [prompts, 77, width], the output of the last layer but one, or an earlier
    ///   one, without the final norm; `pooled` [prompts, pooled width], at the first end token.
    func encode(
        _ prompts: [TokenizedPrompt], skippedLayers: [Int]? = nil,
        learned: LearnedVocabulary = LearnedVocabulary(), hiding hidden: Range<Int>? = nil,
        _ compute: Compute
    ) -> (states: Activation, pooled: Activation?) {
        let skippedLayers = skippedLayers ?? prompts.map { _ in 0 }
        precondition(prompts.count == skippedLayers.count)
        let length = CLIPTokenizer.length
        let result = compute.activation(
            images: prompts.count, height: 1, width: length, channels: width)
        var states = embed(prompts, learned, compute)
        for (index, layer) in layers.enumerated() {
            for prompt in prompts.indices
            where index == layers.count - 1 - skippedLayers[prompt] {
                result.image(prompt).update(from: states.image(prompt), count: length * width)
            }
            if index == layers.count - 1, pooling == nil { break }
            states = forward(layer, states, hiding: hidden, compute)
        }
        guard let pooling else { return (result, nil) }
        let ends = compute.activation(
            images: prompts.count, height: 1, width: 1, channels: width)
        for (index, prompt) in prompts.enumerated() {
            ends.image(index).update(
                from: states.data + (index * length + prompt.endIndex) * width, count: width)
        }
        let normed = compute.layerNorm(ends, pooling.norm)
        return (result, compute.multiply(normed, byMatrix: pooling.projection))
    }

    private func embed(
        _ prompts: [TokenizedPrompt], _ learned: LearnedVocabulary, _ compute: Compute
    ) -> Activation {
        let length = CLIPTokenizer.length
        let out = compute.activation(
            images: prompts.count, height: 1, width: length, channels: width)
        let positions = compute.activation(images: 1, height: 1, width: length, channels: width)
        compute.copyRows(of: positionEmbedding, 0..<length, into: positions.data)
        for (index, prompt) in prompts.enumerated() {
            for (position, id) in prompt.ids.enumerated() {
                let row = out.image(index) + position * width
                if id >= LearnedWord.firstID {
                    learned.copy(
                        id, from: pooling == nil ? \.clipL : \.openCLIP, compute, into: row)
                } else {
                    compute.copyRows(of: tokenEmbedding, Int(id)..<Int(id) + 1, into: row)
                }
            }
            compute.add(positions, to: out.images(index..<index + 1))
        }
        return out
    }

    /// One transformer layer: a new activation.
    private func forward(
        _ layer: Layer, _ input: Activation, hiding hidden: Range<Int>?, _ compute: Compute
    ) -> Activation {
        let out = compute.activation(like: input)
        compute.scoped {
            let normed = compute.layerNorm(input, layer.norm1)
            let queries = compute.linear(normed, layer.queries)
            let keys = compute.linear(normed, layer.keys)
            let values = compute.linear(normed, layer.values)
            let attended =
                if let hidden {
                    compute.causalAttention(
                        queries: queries, keys: keys, values: values,
                        headDimension: headDimension, hiding: hidden)
                } else {
                    compute.causalAttention(
                        queries: queries, keys: keys, values: values,
                        headDimension: headDimension)
                }
            compute.linear(attended, layer.output, residual: input, into: out)
            let expanded = compute.linear(
                compute.layerNorm(out, layer.norm2), layer.expand, activation: activation)
            compute.linear(expanded, layer.contract, residual: out, into: out)
        }
        return out
    }
}

// MARK: - From a model file

extension TextEncoder {
    /// - Parameter pools: whether it must have a pooled output, as only bigG does.
    init(_ stored: StoredModel.StoredTextEncoder, pools: Bool) throws(ModelFileError) {
        self =
            stored.isOpenCLIP
            ? try TextEncoder(openCLIP: stored)
            : try TextEncoder(transformers: stored, pools: pools)
    }

    /// Either one as transformers names it.
    private init(
        transformers stored: StoredModel.StoredTextEncoder, pools: Bool
    ) throws(ModelFileError) {
        // Recent versions of transformers leave this level out.
        let outer = stored.weights
        let hasLevel = outer.has("text_model.embeddings.token_embedding.weight")
        let scope = hasLevel ? outer["text_model"] : outer
        let embeddings = scope["embeddings"]
        let tokens = try embeddings.tensor("token_embedding.weight", [Self.vocabularySize, nil])
        let width = tokens.shape[1]
        var layers: [Layer] = []
        for index in 0..<scope.count(of: "encoder.layers", probe: "layer_norm1.weight") {
            let layer = scope["encoder"]["layers"][index]
            let attention = layer["self_attn"]
            let expand = try layer["mlp"]["fc1"].linear(inputs: width)
            layers.append(
                Layer(
                    norm1: try layer["layer_norm1"].layerNorm(width),
                    queries: try attention["q_proj"].linear(inputs: width, outputs: width),
                    keys: try attention["k_proj"].linear(inputs: width, outputs: width),
                    values: try attention["v_proj"].linear(inputs: width, outputs: width),
                    output: try attention["out_proj"].linear(inputs: width, outputs: width),
                    norm2: try layer["layer_norm2"].layerNorm(width),
                    expand: expand,
                    contract: try layer["mlp"]["fc2"].linear(
                        inputs: expand.outputs, outputs: width)))
        }
        var pooling: (norm: LayerNorm, projection: WeightTensor)?
        if pools {
            // Stored as a layer's weight, [pooled width, width].
            let projection = try outer.tensor("text_projection.weight", [nil, width])
            pooling = (try scope["final_layer_norm"].layerNorm(width), projection.transposed())
        }
        try self.init(
            width: width, stored: stored, tokenEmbedding: tokens,
            positionEmbedding: try embeddings.tensor(
                "position_embedding.weight", [CLIPTokenizer.length, width]),
            layers: layers, pooling: pooling)
    }

    /// bigG as OpenCLIP names it.
    private init(openCLIP stored: StoredModel.StoredTextEncoder) throws(ModelFileError) {
        let scope = stored.weights
        let tokens = try scope.tensor("token_embedding.weight", [Self.vocabularySize, nil])
        let width = tokens.shape[1]
        var layers: [Layer] = []
        for index in 0..<scope.count(of: "transformer.resblocks", probe: "ln_1.weight") {
            let layer = scope["transformer"]["resblocks"][index]
            let weight = try layer.tensor("attn.in_proj_weight", [3 * width, width])
            let bias = try layer.tensor("attn.in_proj_bias", [3 * width])
            let expand = try layer["mlp"]["c_fc"].linear(inputs: width)
            layers.append(
                Layer(
                    norm1: try layer["ln_1"].layerNorm(width),
                    queries: Linear(weight: weight, bias: bias, rows: 0..<width),
                    keys: Linear(weight: weight, bias: bias, rows: width..<2 * width),
                    values: Linear(weight: weight, bias: bias, rows: 2 * width..<3 * width),
                    output: try layer["attn"]["out_proj"].linear(inputs: width, outputs: width),
                    norm2: try layer["ln_2"].layerNorm(width),
                    expand: expand,
                    contract: try layer["mlp"]["c_proj"].linear(
                        inputs: expand.outputs, outputs: width)))
        }
        try self.init(
            width: width, stored: stored, tokenEmbedding: tokens,
            positionEmbedding: try scope.tensor(
                "positional_embedding", [CLIPTokenizer.length, width]),
            layers: layers,
            pooling: (
                norm: try scope["ln_final"].layerNorm(width),
                projection: try scope.tensor("text_projection", [width, nil])
            ))
    }

    static let vocabularySize = 49408

    private init(
        width: Int, stored: StoredModel.StoredTextEncoder, tokenEmbedding: WeightTensor,
        positionEmbedding: WeightTensor, layers: [Layer],
        pooling: (norm: LayerNorm, projection: WeightTensor)?
    ) throws(ModelFileError) {
        let headDimension = stored.headDimension
        guard layers.count >= 2 else {
            throw ModelFileError(
                file: stored.weights.file.name, tensor: stored.weights.prefix,
                .misfit("has \(layers.count) text encoder layers; SDXL reads the last but one"))
        }
        guard headDimension > 0, width % headDimension == 0 else {
            throw ModelFileError(
                file: stored.weights.file.name, tensor: stored.weights.prefix,
                .misfit("is \(width) wide, which heads of \(headDimension) do not divide"))
        }
        self.width = width
        self.headDimension = headDimension
        self.tokenEmbedding = tokenEmbedding
        self.positionEmbedding = positionEmbedding
        self.layers = layers
        activation = stored.activation
        self.pooling = pooling
    }
}
