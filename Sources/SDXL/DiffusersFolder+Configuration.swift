internal import Tensors
internal import Weights

/// What tensor shapes do not tell, from the `config.json` of each network.
extension DiffusersFolder {
    private struct UNetConfiguration: Decodable {
        var channels: [Int]
        /// The number of heads in truth, of all stages or of each.
        var heads: Heads

        private enum CodingKeys: String, CodingKey {
            case channels = "block_out_channels"
            case heads = "attention_head_dim"
        }
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
        var width: Int
        var heads: Int
        var activation: String

        private enum CodingKeys: String, CodingKey {
            case width = "hidden_size"
            case heads = "num_attention_heads"
            case activation = "hidden_act"
        }
    }

    private struct VAEConfiguration: Decodable {
        var scalingFactor: Float?

        private enum CodingKeys: String, CodingKey {
            case scalingFactor = "scaling_factor"
        }
    }

    private struct SchedulerConfiguration: Decodable {
        var predictionType: String?

        private enum CodingKeys: String, CodingKey {
            case predictionType = "prediction_type"
        }
    }

    /// The same in every stage of SDXL.
    func unetHeadDimension() throws(ModelFileError) -> Int {
        let file = "unet/config.json"
        let configuration: UNetConfiguration = try read(file)
        let channels = configuration.channels
        let heads =
            switch configuration.heads {
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
        let heads = configuration.heads
        guard heads > 0, configuration.width % heads == 0 else {
            throw misfit(file, "gives \(heads) heads for a width of \(configuration.width)")
        }
        let activation: ActivationFunction
        switch configuration.activation {
        case "quick_gelu": activation = .quickGELU
        case "gelu": activation = .gelu
        default:
            throw misfit(file, "has another activation than SDXL's quick_gelu and gelu")
        }
        return StoredModel.StoredTextEncoder(
            weights: WeightScope(try weights(of: part, stem: "model"), ""), isOpenCLIP: false,
            headDimension: configuration.width / heads, activation: activation)
    }

    func vae() throws(ModelFileError) -> WeightScope? {
        let configuration: VAEConfiguration = try read("vae/config.json")
        let factor = configuration.scalingFactor ?? VAEDecoder.scalingFactor
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
        return switch configuration.predictionType {
        case nil, "epsilon": .epsilon
        case "v_prediction": .v
        case let other?:
            throw misfit(file, "has the prediction type \"\(other)\", which is unknown here")
        }
    }
}
