/// A checked request: every value is within its range, every default is filled in. Nothing later
/// checks again. What depends on the model's file is checked by ``ImageGenerator/plan(_:)``.
public struct GenerationJob: Equatable, Sendable {
    /// Never empty.
    public var requestID: String
    /// `__BLANK__` has become "", here and in the other prompts.
    public var positivePrompt: String
    /// Nil and "" differ: zeros for the base, or the encoded empty text.
    public var negativePrompt: String?
    /// Nil means `positivePrompt`; "" is an empty text.
    public var positivePrompt2: String?
    /// Nil means `negativePrompt`; only there when that is.
    public var negativePrompt2: String?
    /// The model's id, never an alias.
    public var model: String
    /// The id of what decodes in place of the model's own.
    public var vae: String?
    public var size: ImageSize
    public var steps: Int
    /// As the caller wrote it; `Default` is the model's own.
    public var scheduler: String
    /// One per image: image i uses the first seed + i.
    public var seeds: [Int64]
    public var cfgScale: Double
    public var originalSize: ImageSize?
    public var cropTopLeft: ImagePoint
    public var targetSize: ImageSize?
    public var negativeOriginalSize: ImageSize?
    public var negativeCropTopLeft: ImagePoint
    public var negativeTargetSize: ImageSize?
    /// Layers of the text encoders left out beyond SDXL's own choice, for the positive prompt.
    public var clipSkip: Int
    /// Nil: prompts are plain text, and what the text encoders do not hold is cut off.
    public var promptWeighting: PromptWeighting?
    /// Each model once.
    public var embeddings: [Embedding]
    /// 0...1.
    public var guidanceRescale: Double
    /// Nil is the scheduler's own.
    public var eta: Double?
    public var handoffHistory: HandoffHistory
    /// Nil in a job with branches: each has its own.
    public var refiner: Refiner?
    /// The endings of the job, each other than the others; empty: one, by `refiner`.
    public var branches: [Branch]
    public var loras: [LoRA]
    /// Nil: the picture starts from noise alone.
    public var imageInput: ImageInput?
    /// Among the jobs that wait; higher is sooner.
    public var priority: Int
    /// From its acceptance.
    public var deadline: Duration?
    /// It goes on when the connection that asked for it is lost.
    public var isDetached: Bool
    /// Only in a job of one picture; ``GenerationPlan/pauseStep`` is what comes of it.
    public var pauseAt: GenerationRequest.PausePoint?
    /// Nil for none.
    public var previews: Previews?

    /// A picture to start from. It has the job's size.
    public struct ImageInput: Equatable, Sendable {
        public var seedImage: Picture
        /// As the request names it: the SHA-256 of its file, in lower-case hex.
        public var seedImageName: String
        /// White is made anew, black stays as in `seedImage`; nil: everything is made anew. Of the same
        /// size.
        public var maskImage: Picture?
        public var maskImageName: String?
        /// How much of the schedule is run, 0...1: at 1 hardly anything of `seedImage` is left.
        public var strength: Double
    }

    /// Small pictures of what each image is predicted to become, while it is made. The image is the same with
    /// and without.
    public struct Previews: Equatable, Sendable {
        /// In steps.
        public var interval: Int
        /// Pixels of the longer side; nil for one each latent.
        public var side: Int?
    }

    /// One ending. Nil is the base's alone.
    public struct Branch: Equatable, Sendable {
        public var refiner: Refiner?
    }

    public struct Refiner: Equatable, Sendable {
        /// The model's id, never an alias.
        public var model: String
        public var start: HandoffUnit
        public var cfgScale: Double
        public var positivePrompt: String
        public var negativePrompt: String?
        public var aestheticScore: Double
        public var negativeAestheticScore: Double
    }

    /// Learned vectors for a word, which is the model's id.
    public struct Embedding: Equatable, Sendable {
        public var model: String
        /// The vectors are multiplied by it.
        public var weight: Double
    }

    /// How weights are written in the prompts, and how they act: as in the libraries compel and
    /// sd_embed. Either also takes prompts beyond 75 tokens, in chunks.
    public enum PromptWeighting: String, Sendable, CaseIterable {
        case compel
        case sdEmbeds
    }

    /// Whether a multistep sampler goes on with the base's predictions at the handoff.
    public enum HandoffHistory: String, Sendable, CaseIterable {
        /// One continuous process.
        case keep = "KEEP"
        /// As two separate pipelines.
        case reset = "RESET"
    }

    public struct LoRA: Equatable, Sendable {
        /// The model's id, never an alias.
        public var model: String
        public var weight: Double
        /// Never the refiner in a job that has none.
        public var applyTo: GenerationRequest.LoRA.Target
    }

    /// The unit in which the caller named the handoff.
    public enum HandoffUnit: Equatable, Sendable {
        /// 1-based: the refiner's first step.
        case step(Int)
        /// Of the steps, in percent: the base's share.
        case percentage(Int)
        case timestep(Double)
        case sigma(Double)
    }
}
