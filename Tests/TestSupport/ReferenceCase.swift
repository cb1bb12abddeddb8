import Foundation

/// One whole generation made with diffusers: a case of `Tests/References/index.json`.
public struct ReferenceCase: Sendable, CustomStringConvertible {
    public let name: String
    public let inputs: Inputs
    /// Tensor name -> file below `Tests/References`; several cases may share a file.
    public let tensors: [String: String]
    /// One per UNet evaluation, in order.
    public let phases: [Evaluation]
    /// Relative L2 by tensor name; a tensor without its own has ``defaultTolerance``.
    public let tolerances: [String: Double]
    /// Evaluations made by the base.
    public let baseEvaluations: Int
    /// Where the refiner starts in the schedule's timesteps.
    public let refinerFirstEvaluation: Int
    /// diffusers' cutoff in training timesteps; nil without a fraction.
    public let splitCutoff: Int?
    /// Evaluations of the network per step: 2 for Heun and DPM++ SDE.
    public let solverOrder: Int
    /// The picture below `Tests/References`, where there is one.
    public let png: String?

    public var description: String { name }

    /// What the tolerances of tensors without their own are: the smallest of `tolerances.md`.
    public static let defaultTolerance = 2e-5

    public func tolerance(_ tensor: String) -> Double {
        tolerances[tensor] ?? Self.defaultTolerance
    }

    public func has(_ tensor: String) -> Bool { tensors[tensor] != nil }

    /// The file that holds a tensor of this case.
    public func tensor(_ name: String) throws -> ReferenceTensors {
        guard let file = tensors[name] else {
            throw ReferenceError("case \(self.name) has no tensor \"\(name)\"")
        }
        return try ReferenceTensors(file)
    }

    public func float32(_ name: String) throws -> [Float] { try tensor(name).float32(name) }
    public func float64(_ name: String) throws -> [Double] { try tensor(name).float64(name) }
    public func int32(_ name: String) throws -> [Int32] { try tensor(name).int32(name) }
    public func shape(_ name: String) throws -> [Int] { try tensor(name).shape(name) }

    /// One evaluation of a UNet. `timestep` is a training timestep.
    public struct Evaluation: Sendable {
        public let index: Int
        public let isRefiner: Bool
        public let timestep: Double
    }

    /// What diffusers was called with.
    public struct Inputs: Sendable {
        /// One, or one for each image of the batch.
        public let prompts: [String]
        /// Nil is not the empty string: see `scripts/README.md`.
        public let negativePrompts: [String]?
        public let prompt2: String?
        public let negativePrompt2: String?
        public let refinerPrompt: String?
        public let refinerNegativePrompt: String?
        public let scheduler: String
        public let steps: Int
        /// One for the whole batch (one draw), or one for each image.
        public let seeds: [Int]
        public let imageCount: Int
        public let guidance: Double
        public let refinerGuidance: Double?
        public let eta: Double
        public let height: Int
        public let width: Int
        /// [height, width], as all sizes here.
        public let originalSize: [Int]?
        /// [top, left].
        public let crop: [Int]
        public let targetSize: [Int]?
        public let negativeOriginalSize: [Int]?
        public let negativeCrop: [Int]
        public let negativeTargetSize: [Int]?
        public let aestheticScore: Double
        public let negativeAestheticScore: Double
        public let handoff: Handoff?
        /// One scheduler through the handoff, rather than diffusers' two.
        public let isContinuous: Bool
    }

    public enum Handoff: Sendable {
        /// diffusers' denoising_end.
        case fraction(Double)
        /// So many steps by the base.
        case step(Int)
    }

    /// In the file's order.
    public static let all: [ReferenceCase] = {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let index = try decoder.decode(Index.self, from: Repository.reference("index.json"))
            return index.cases.map(ReferenceCase.init)
        } catch {
            fatalError("Tests/References/index.json cannot be read: \(error)")
        }
    }()

    public static func named(_ name: String) throws -> ReferenceCase {
        guard let found = all.first(where: { $0.name == name }) else {
            throw ReferenceError("index.json has no case \"\(name)\"")
        }
        return found
    }
}

// MARK: - The file's own form

private struct Index: Decodable {
    var cases: [Entry]

    struct Entry: Decodable {
        var name: String
        var inputs: RawInputs
        var tensors: [String: String]
        var phases: [RawPhase]
        var tolerance: [String: Double]
        var baseEvaluations: Int
        var refinerFirstEvaluation: Int
        var splitCutoff: Int?
        var order: Int
        var png: String?
    }

    struct RawPhase: Decodable {
        var eval: Int
        var phase: String
        var t: Double
    }

    struct RawInputs: Decodable {
        var prompt: OneOrMany<String>
        var negativePrompt: OneOrMany<String>?
        var prompt2: String?
        var negativePrompt2: String?
        var refinerPrompt: String?
        var refinerNegativePrompt: String?
        var scheduler: String
        var steps: Int
        var seed: OneOrMany<Int>
        var images: Int
        var guidance: Double
        var refinerGuidance: Double?
        var eta: Double
        var height: Int
        var width: Int
        var originalSize: [Int]?
        var crop: [Int]
        var targetSize: [Int]?
        var negativeOriginalSize: [Int]?
        var negativeCrop: [Int]
        var negativeTargetSize: [Int]?
        var aestheticScore: Double
        var negativeAestheticScore: Double
        var handoff: RawHandoff?
        var mode: String
    }

    struct RawHandoff: Decodable {
        var fraction: Double?
        var step: Int?
    }

    struct OneOrMany<Value: Decodable>: Decodable {
        var values: [Value]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let one = try? container.decode(Value.self) {
                values = [one]
            } else {
                values = try container.decode([Value].self)
            }
        }
    }
}

extension ReferenceCase {
    fileprivate init(_ entry: Index.Entry) {
        name = entry.name
        inputs = Inputs(entry.inputs)
        tensors = entry.tensors
        phases = entry.phases.map {
            Evaluation(index: $0.eval, isRefiner: $0.phase == "refiner", timestep: $0.t)
        }
        tolerances = entry.tolerance
        baseEvaluations = entry.baseEvaluations
        refinerFirstEvaluation = entry.refinerFirstEvaluation
        splitCutoff = entry.splitCutoff
        solverOrder = entry.order
        png = entry.png
    }
}

extension ReferenceCase.Inputs {
    fileprivate init(_ raw: Index.RawInputs) {
        prompts = raw.prompt.values
        negativePrompts = raw.negativePrompt?.values
        prompt2 = raw.prompt2
        negativePrompt2 = raw.negativePrompt2
        refinerPrompt = raw.refinerPrompt
        refinerNegativePrompt = raw.refinerNegativePrompt
        scheduler = raw.scheduler
        steps = raw.steps
        seeds = raw.seed.values
        imageCount = raw.images
        guidance = raw.guidance
        refinerGuidance = raw.refinerGuidance
        eta = raw.eta
        height = raw.height
        width = raw.width
        originalSize = raw.originalSize
        crop = raw.crop
        targetSize = raw.targetSize
        negativeOriginalSize = raw.negativeOriginalSize
        negativeCrop = raw.negativeCrop
        negativeTargetSize = raw.negativeTargetSize
        aestheticScore = raw.aestheticScore
        negativeAestheticScore = raw.negativeAestheticScore
        handoff =
            switch (raw.handoff?.fraction, raw.handoff?.step) {
            case (let fraction?, _): .fraction(fraction)
            case (nil, let step?): .step(step)
            case (nil, nil): nil
            }
        isContinuous = raw.mode == "continuous"
    }
}
