internal import FoundationEssentials
internal import Tensors
internal import Weights

/// A model in diffusers' folder layout: a folder for each network with its `config.json` and its
/// weights in one file or several.
struct DiffusersFolder {
    private let path: String
    private let name: String

    /// Whether a folder is one.
    static func isPresent(at path: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/unet/config.json")
    }

    init(path: String) {
        self.path = path
        name = path.split(separator: "/").last.map(String.init) ?? path
    }

    /// The weights of one network. A whole file is taken before shards, and full precision before a
    /// variant, as diffusers does.
    ///
    /// - Parameter stem: of the files' names.
    func weights(of part: String, stem: String) throws(ModelFileError) -> ModelFile {
        let folder = "\(path)/\(part)/"
        let names = ["\(stem).safetensors", "\(stem).fp16.safetensors"]
        let indices = [
            "\(stem).safetensors.index.json", "\(stem).safetensors.index.fp16.json",
            "\(stem).fp16.safetensors.index.json",
        ]
        for (whole, shards) in [(names[0], [indices[0]]), (names[1], Array(indices[1...]))] {
            if FileManager.default.fileExists(atPath: folder + whole) {
                return try ModelFile(path: folder + whole, name: "\(name)/\(part)/\(whole)")
            }
            for index in shards where FileManager.default.fileExists(atPath: folder + index) {
                return try joined(part, index)
            }
        }
        throw ModelFileError(
            file: "\(name)/\(part)",
            .unreadable("it holds neither \(names[0]) nor \(indices[0])"))
    }

    /// The shards that an index names.
    private func joined(_ part: String, _ index: String) throws(ModelFileError) -> ModelFile {
        let contents: ShardIndex = try read("\(part)/\(index)")
        var shards: [ModelFile] = []
        for shard in Set(contents.weight_map.values).sorted() {
            let shown = "\(name)/\(part)/\(shard)"
            guard !shard.contains("/") else {
                throw ModelFileError(
                    file: "\(name)/\(part)/\(index)",
                    .unreadable("it names a shard in another folder"))
            }
            shards.append(try ModelFile(path: "\(path)/\(part)/\(shard)", name: shown))
        }
        return try ModelFile(name: "\(name)/\(part)", shards: shards)
    }

    func read<Contents: Decodable>(_ file: String) throws(ModelFileError) -> Contents {
        do {
            return try JSONDecoder().decode(
                Contents.self, from: Data(contentsOf: URL(filePath: "\(path)/\(file)")))
        } catch let error as DecodingError {
            throw ModelFileError(file: "\(name)/\(file)", .unreadable(Self.words(error)))
        } catch {
            throw ModelFileError(
                file: "\(name)/\(file)", .unreadable("it is missing or not readable"))
        }
    }

    func contains(_ file: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(file)")
    }

    func misfit(_ file: String, _ words: String) -> ModelFileError {
        ModelFileError(file: "\(name)/\(file)", .misfit(words))
    }

    private static func words(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has another type"
        default: "it is not JSON"
        }
    }
}

private struct ShardIndex: Decodable {
    /// Tensor -> shard.
    var weight_map: [String: String]
}

// MARK: - What shapes do not tell

extension DiffusersFolder {
    private struct UNetConfiguration: Decodable {
        var block_out_channels: [Int]
        /// In truth the number of heads, of all stages or of each.
        var attention_head_dim: Heads
    }

    private enum Heads: Decodable {
        case each([Int])
        case all(Int)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let all = try? container.decode(Int.self) {
                self = .all(all)
            } else {
                self = .each(try container.decode([Int].self))
            }
        }
    }

    private struct TextConfiguration: Decodable {
        var hidden_size: Int
        var num_attention_heads: Int
        var hidden_act: String
    }

    private struct VAEConfiguration: Decodable {
        var scaling_factor: Float?
    }

    private struct SchedulerConfiguration: Decodable {
        var prediction_type: String?
    }

    /// The same in every stage of SDXL.
    func unetHeadDimension() throws(ModelFileError) -> Int {
        let file = "unet/config.json"
        let configuration: UNetConfiguration = try read(file)
        let channels = configuration.block_out_channels
        let heads =
            switch configuration.attention_head_dim {
            case .each(let heads): heads
            case .all(let heads): Array(repeating: heads, count: channels.count)
            }
        guard let first = channels.first, let firstHeads = heads.first, firstHeads > 0,
            heads.count == channels.count,
            zip(channels, heads).allSatisfy({ $0 == $1 * (first / firstHeads) })
        else {
            throw misfit(
                file,
                "gives \(heads) heads for \(channels) channels; SDXL's heads are equally wide in "
                    + "all stages")
        }
        return first / firstHeads
    }

    func textEncoder(_ part: String) throws(ModelFileError) -> StoredModel.StoredTextEncoder {
        let file = "\(part)/config.json"
        let configuration: TextConfiguration = try read(file)
        let heads = configuration.num_attention_heads
        guard heads > 0, configuration.hidden_size % heads == 0 else {
            throw misfit(file, "gives \(heads) heads for a width of \(configuration.hidden_size)")
        }
        let activation: ActivationFunction
        switch configuration.hidden_act {
        case "quick_gelu": activation = .quickGELU
        case "gelu": activation = .gelu
        default:
            throw misfit(file, "has another activation than SDXL's quick_gelu and gelu")
        }
        return StoredModel.StoredTextEncoder(
            weights: WeightScope(try weights(of: part, stem: "model"), ""), isOpenCLIP: false,
            headDimension: configuration.hidden_size / heads, activation: activation)
    }

    func vae() throws(ModelFileError) -> WeightScope? {
        let configuration: VAEConfiguration = try read("vae/config.json")
        let factor = configuration.scaling_factor ?? VAEDecoder.scalingFactor
        guard abs(factor - VAEDecoder.scalingFactor) < 1e-6 else {
            throw misfit(
                "vae/config.json",
                "has the scaling factor \(factor), not SDXL's "
                    + "\(VAEDecoder.scalingFactor)")
        }
        return VAEFile.weights(try weights(of: "vae", stem: "diffusion_pytorch_model"))
    }

    func prediction() throws(ModelFileError) -> PredictionType {
        let file = "scheduler/scheduler_config.json"
        guard contains(file) else { return .epsilon }
        let configuration: SchedulerConfiguration = try read(file)
        return switch configuration.prediction_type {
        case nil, "epsilon": .epsilon
        case "v_prediction": .v
        case let other?:
            throw misfit(file, "has the prediction type \"\(other)\", which is unknown here")
        }
    }
}

extension StoredModel {
    /// A folder in diffusers' layout. Parts that it lacks are nil.
    init(_ folder: DiffusersFolder, name: String) throws(ModelFileError) {
        self.name = name
        unet = WeightScope(
            try folder.weights(of: "unet", stem: "diffusion_pytorch_model"), naming: .diffusersUNet)
        unetHeadDimension = try folder.unetHeadDimension()
        clipL =
            folder.contains("text_encoder/config.json")
            ? try folder.textEncoder("text_encoder") : nil
        openCLIP =
            folder.contains("text_encoder_2/config.json")
            ? try folder.textEncoder("text_encoder_2") : nil
        vae = folder.contains("vae/config.json") ? try folder.vae() : nil
        prediction = try folder.prediction()
        files = [unet.file, clipL?.weights.file, openCLIP?.weights.file, vae?.file]
            .compactMap { $0 }
    }
}
