/// What a caller asked for, unchecked: every field is optional, so that an absent one and an empty
/// one stay apart. ``GenerationJob`` is the checked form. Names and ranges: ``Parameter``.
public struct GenerationRequest: Equatable, Sendable {
    public var requestID: String?
    public var positivePrompt: String?
    /// Nil and "" differ: see DESIGN of the handoff (zeros for the base, or the encoded empty text).
    public var negativePrompt: String?
    /// For the base's second text encoder; nil or empty means `positivePrompt`.
    public var positivePrompt2: String?
    public var negativePrompt2: String?
    public var model: String?
    /// Decodes in place of the model's own.
    public var vae: String?
    public var width: Int?
    public var height: Int?
    public var steps: Int?
    public var scheduler: String?
    public var seed: Int64?
    public var cfgScale: Double?
    public var numberResults: Int?
    public var originalSize: ImageSize?
    public var cropTopLeft: ImagePoint?
    public var targetSize: ImageSize?
    public var negativeOriginalSize: ImageSize?
    public var negativeCropTopLeft: ImagePoint?
    public var negativeTargetSize: ImageSize?
    public var clipSkip: Int?
    /// A raw value of ``GenerationJob/PromptWeighting``, once checked; empty is none.
    public var promptWeighting: String?
    public var guidanceRescale: Double?
    public var embeddings: [Embedding] = []
    public var eta: Double?
    /// A raw value of ``GenerationJob/HandoffHistory``, once checked.
    public var handoffHistory: String?
    /// With `branches`, what these have in common.
    public var refiner: Refiner?
    /// The endings of the job; empty: one, by `refiner`.
    public var branches: [Branch] = []
    /// A picture to start from: the SHA-256 of its uploaded file in hex.
    public var seedImage: String?
    /// Likewise: where it is white `seedImage` is made anew, where it is black it stays.
    public var maskImage: String?
    /// How much of the schedule is run on `seedImage`, 0...1.
    public var strength: Double?
    public var loras: [LoRA] = []
    /// Among the jobs that wait; higher is sooner.
    public var priority: Int?
    /// From the job's acceptance.
    public var deadlineMilliseconds: Int?
    /// The job goes on when the connection that asked for it is lost.
    public var detach: Bool?
    /// Where the job stops, with a preview, to be resumed by others.
    public var pauseAt: PausePoint?
    /// Steps from one preview to the next; nil for none.
    public var previewEvery: Int?
    /// Pixels of a preview's longer side; nil for one each latent.
    public var previewSide: Int?

    public init() {}

    /// The second expert, and where it takes over: exactly one of the four `start…` fields.
    public struct Refiner: Equatable, Sendable {
        public var model: String?
        /// 1-based: the refiner runs steps `startStep...steps`.
        public var startStep: Int?
        public var startStepPercentage: Int?
        /// The refiner runs every step whose timestep is below this.
        public var startTimestep: Double?
        /// The refiner runs every step whose sigma is below this.
        public var startSigma: Double?
        public var cfgScale: Double?
        public var positivePrompt: String?
        public var negativePrompt: String?
        public var aestheticScore: Double?
        public var negativeAestheticScore: Double?

        public init() {}
    }
}

extension GenerationRequest {
    /// One ending of a job: all of them go on from the same base steps.
    public struct Branch: Equatable, Sendable {
        /// What it leaves out is as in the request's `refiner`, of which it need say no more than where
        /// it takes over. Nil: the base ends the picture alone.
        public var refiner: Refiner?

        public init(refiner: Refiner? = nil) { self.refiner = refiner }
    }

    /// Where a job is paused, between two steps.
    public enum PausePoint: Equatable, Sendable {
        /// After so many of the steps that it runs.
        case step(Int)
        /// Before the refiner's first.
        case handoff
    }

    /// A textual inversion: learned vectors for a word that the prompts may use.
    public struct Embedding: Equatable, Sendable {
        /// The model, whose id is the word.
        public var model: String?
        /// The vectors are multiplied by it; nil is 1.
        public var weight: Double?

        public init(model: String? = nil, weight: Double? = nil) {
            self.model = model
            self.weight = weight
        }
    }

    /// A change of a model's weights, for one job.
    public struct LoRA: Equatable, Sendable {
        public var model: String?
        /// How much of the change; nil is 1.
        public var weight: Double?
        public var applyTo: Target

        /// The experts whose weights change. The numbers are the wire's.
        public enum Target: Int32, Sendable, CaseIterable {
            /// The one that ``GenerationRequest/model`` names.
            case base = 0
            case refiner = 1
            case both = 2
        }

        public init(model: String? = nil, weight: Double? = nil, applyTo: Target = .base) {
            self.model = model
            self.weight = weight
            self.applyTo = applyTo
        }
    }
}

/// Pixels, height before width as SDXL's size conditioning has them.
public struct ImageSize: Hashable, Sendable {
    public var height: Int
    public var width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }
}

/// Pixels from the top left corner.
public struct ImagePoint: Hashable, Sendable {
    public var top: Int
    public var left: Int

    public init(top: Int, left: Int) {
        self.top = top
        self.left = left
    }
}
