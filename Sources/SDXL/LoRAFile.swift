internal import Tensors
internal import Weights

/// A LoRA file: for each layer that it changes two small matrices, and perhaps how much their product
/// counts. Hostile until checked: every pair is there and fits together. Whether it fits an expert is
/// for ``adapters(for:weight:)``.
///
/// Known are kohya's names (`lora_unet_input_blocks_4_1_proj_in.lora_down.weight`, or with diffusers'
/// names of the blocks) and those of diffusers and PEFT (`unet.down_blocks.1.attentions.0.proj_in.
/// lora_A.weight`).
struct LoRAFile: Sendable {
    let file: ModelFile
    /// In the order of their names.
    let modules: [Module]
    /// See ``Fingerprint``.
    let digest: String

    /// The change of one layer.
    struct Module: Sendable {
        /// As the file has it.
        let name: String
        let key: AdaptableLayer.Key
        /// [rank, inputs, ...]
        let down: WeightTensor
        /// [outputs, rank, ...]
        let up: WeightTensor
        /// The change counts alpha / rank times; nil is once.
        let alpha: WeightTensor?
    }

    /// Far beyond any that is in use; it bounds the memory that a layer's matrices take.
    static let rankMaximum = 4096

    /// The first matrix's ending and the second's, of one layer's name.
    private static let endings = [
        (".lora_down.weight", ".lora_up.weight"), (".lora_A.weight", ".lora_B.weight"),
        (".lora_A.default.weight", ".lora_B.default.weight"),
        (".lora.down.weight", ".lora.up.weight"),
        (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    ]
    private static let alphaEnding = ".alpha"

    private static let networks: [(prefix: String, network: AdaptableLayer.Network)] = [
        ("lora_unet_", .unet), ("lora_te1_", .clipL), ("lora_te2_", .openCLIP), ("unet.", .unet),
        ("text_encoder.", .clipL), ("text_encoder_2.", .openCLIP),
    ]

    var name: String { file.name }

    /// Reads names and shapes, and a few weights for the digest.
    init(_ file: ModelFile) throws(ModelFileError) {
        self.file = file
        var modules: [Module] = []
        for tensor in file.tensorNames {
            if let (down, up) = Self.endings.first(where: { tensor.hasSuffix($0.0) }) {
                let layer = String(tensor.dropLast(down.count))
                modules.append(try Module(file, layer, down: tensor, up: layer + up))
            } else if let (down, up) = Self.endings.first(where: { tensor.hasSuffix($0.1) }) {
                try Self.require(tensor.dropLast(up.count) + down, in: file)
            } else if tensor.hasSuffix(Self.alphaEnding) {
                let layer = tensor.dropLast(Self.alphaEnding.count)
                guard Self.endings.contains(where: { file.contains(layer + $0.0) }) else {
                    throw ModelFileError(
                        file: file.name, tensor: tensor, .misfit("belongs to no pair of matrices"))
                }
            } else {
                throw ModelFileError(
                    file: file.name, tensor: tensor,
                    .misfit(
                        "is no part of a plain LoRA; other kinds (DoRA, LoHa, LoKr, full "
                            + "differences) are not known here"))
            }
        }
        self.modules = modules
        digest = Fingerprint.digest(of: file, sampling: modules.map(\.up.name))
    }

    private static func require(
        _ tensor: some StringProtocol, in file: ModelFile
    ) throws(ModelFileError) {
        guard file.contains(String(tensor)) else {
            throw ModelFileError(file: file.name, tensor: String(tensor), .missingTensor)
        }
    }
}

extension LoRAFile.Module {
    fileprivate init(
        _ file: ModelFile, _ name: String, down: String, up: String
    ) throws(ModelFileError) {
        func error(_ tensor: String, _ words: String) -> ModelFileError {
            ModelFileError(file: file.name, tensor: tensor, .misfit(words))
        }
        guard let (prefix, network) = LoRAFile.networks.first(where: { name.hasPrefix($0.prefix) })
        else {
            throw error(
                down,
                "is for no network of SDXL: names begin with "
                    + LoRAFile.networks.map(\.prefix).joined(separator: ", "))
        }
        self.name = name
        key = AdaptableLayer.Key(network: network, name.dropFirst(prefix.count))
        self.down = try Self.matrix(file, down)
        self.up = try Self.matrix(file, up)
        let rank = self.down.shape[0]
        guard (1...LoRAFile.rankMaximum).contains(rank) else {
            throw error(down, "has the rank \(rank); 1 to \(LoRAFile.rankMaximum) are allowed")
        }
        guard self.up.shape[1] == rank else {
            throw error(
                up, "has the rank \(self.up.shape[1]), and its partner \"\(down)\" has \(rank)")
        }
        let alpha = name + LoRAFile.alphaEnding
        if let shape = file.shape(of: alpha) {
            guard shape.isEmpty || shape == [1] else {
                throw error(alpha, "has the shape \(shape); an alpha is one number")
            }
            self.alpha = try file.tensor(alpha, shape: shape.map(Optional.some))
        } else {
            self.alpha = nil
        }
    }

    /// A matrix, or a convolution's four axes.
    private static func matrix(
        _ file: ModelFile, _ name: String
    ) throws(ModelFileError) -> WeightTensor {
        let axes = file.shape(of: name)?.count == 4 ? 4 : 2
        return try file.tensor(name, shape: Array(repeating: nil, count: axes))
    }
}

// MARK: - For one expert

extension LoRAFile {
    /// What it changes in an expert.
    struct Match: Sendable {
        let modules: [(layer: AdaptableLayer, module: Module)]
        /// Names of the modules whose layers the expert does not have.
        let unmatched: [String]
    }

    /// Finds the expert's layers. Throws for one that has other sizes than this file's, which was then
    /// made for another model.
    func match(_ layers: AdaptableLayers) throws(ModelFileError) -> Match {
        var matched: [(layer: AdaptableLayer, module: Module)] = []
        var unmatched: [String] = []
        for module in modules {
            guard let layer = layers[module.key] else {
                unmatched.append(module.name)
                continue
            }
            let window = layer.taps == 1 ? [1, 1] : [3, 3]
            try check(module.down, [nil, layer.inputs] + window)
            try check(module.up, [layer.outputs, nil, 1, 1])
            matched.append((layer, module))
        }
        return Match(modules: matched, unmatched: unmatched)
    }

    /// - Parameter shape: of a convolution; a matrix is one of 1x1.
    private func check(_ tensor: WeightTensor, _ shape: [Int?]) throws(ModelFileError) {
        let found = tensor.shape + Array(repeating: 1, count: 4 - tensor.shape.count)
        guard zip(found, shape).allSatisfy({ $1 == nil || $0 == $1 }) else {
            let isMatrix = shape.suffix(2) == [1, 1]
            throw ModelFileError(
                file: name, tensor: tensor.name,
                .wrongShape(found: tensor.shape, wanted: isMatrix ? Array(shape.prefix(2)) : shape))
        }
    }

    /// One module's adapter. Reads the alpha.
    func adapter(_ module: Module, weight: Double) throws(ModelFileError) -> Adapter {
        let rank = Double(module.down.shape[0])
        let alpha = module.alpha.map { Double($0.firstElement) } ?? rank
        guard alpha.isFinite else {
            throw ModelFileError(
                file: name, tensor: module.alpha?.name, .misfit("is \(alpha), not a number"))
        }
        return Adapter(down: module.down, up: module.up, scale: Float(alpha / rank * weight))
    }
}
