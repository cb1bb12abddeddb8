/// A layer of an expert that a LoRA may change.
struct AdaptableLayer: Hashable, Sendable {
    let network: Network
    /// Without `.weight`: the UNet's by the original single-file layout, a text encoder's by
    /// transformers, whatever the model's own file calls them.
    let name: String
    let inputs: Int
    let outputs: Int
    /// 9 for a 3x3 convolution, else 1.
    let taps: Int

    enum Network: Sendable {
        case unet
        case clipL
        case openCLIP
    }

    /// What LoRA files call it.
    var keys: [Key] {
        var names = [name]
        if network == .unet {
            let weight = ".weight"
            if let other = TensorNaming.diffusersUNet.stored(name + weight) {
                names.append(String(other.dropLast(weight.count)))
            }
        }
        return names.map { Key(network: network, $0) }
    }

    /// A layer's name in the one form that all spellings share. kohya's files have underscores for
    /// dots, which cannot be undone, so the others' dots become underscores too; transformers has
    /// dropped the `text_model` level, and files of both kinds are about.
    struct Key: Hashable, Sendable {
        let network: Network
        let name: String

        init(network: Network, _ name: some StringProtocol) {
            let level = "text_model_"
            let flat = String(name.map { $0 == "." ? "_" : $0 })
            self.network = network
            self.name = flat.hasPrefix(level) ? String(flat.dropFirst(level.count)) : flat
        }
    }
}

/// The layers of one expert by every name that a LoRA file may have for them.
struct AdaptableLayers: Sendable {
    private let layers: [AdaptableLayer.Key: AdaptableLayer]
    let count: Int
    /// One of them, for messages.
    let example: String

    init(of expert: Expert) {
        var layers: [AdaptableLayer] = []
        var expert = expert
        expert.setAdapters { layer in
            layers.append(layer)
            return []
        }
        self.layers = layers.reduce(into: [:]) { known, layer in
            for key in layer.keys { known[key] = layer }
        }
        count = layers.count
        example = layers.first { $0.name.contains("transformer_blocks") }?.name ?? ""
    }

    subscript(_ key: AdaptableLayer.Key) -> AdaptableLayer? { layers[key] }
}
