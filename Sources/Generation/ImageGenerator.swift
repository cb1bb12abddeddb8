/// What turns a job into pictures. The services know only this; `SDXL` is the real one, tests have
/// their own.
public protocol ImageGenerator: Sendable {
    /// In the order to show them.
    var models: [ModelDescription] { get }

    /// The id of the model for requests that name none; empty for the first base model.
    var defaultModel: String { get }

    /// Resolves the job against its models: schedule, handoff, advice. Touches no file and computes
    /// no tensor, so it may be called on the event loop.
    func plan(_ job: GenerationJob) throws(GenerationError) -> GenerationPlan

    /// What the job asks of the machine. As quick as ``plan(_:)``.
    func needs(_ job: GenerationJob, plan: GenerationPlan) -> JobNeeds

    /// The work itself, to be advanced by one compute lane at a time.
    ///
    /// - Parameter checkpoint: of an earlier run of the same job and plan, to go on from; nil begins at
    ///   the beginning. Encodings are made again.
    /// - Throws: also DATA_LOSS for a checkpoint that is damaged, if that is seen at once.
    func makeRun(
        _ job: GenerationJob, plan: GenerationPlan, from checkpoint: GenerationCheckpoint?
    ) throws(GenerationError) -> any GenerationRun
}

extension ImageGenerator {
    public var defaultModel: String { "" }

    public func needs(_ job: GenerationJob, plan: GenerationPlan) -> JobNeeds {
        JobNeeds(job, plan)
    }

    /// The work from its beginning.
    public func makeRun(
        _ job: GenerationJob, plan: GenerationPlan
    ) throws(GenerationError) -> any GenerationRun {
        try makeRun(job, plan: plan, from: nil)
    }
}

/// One job's computation: a value the caller advances, so progress and cancelling need no callbacks.
/// Images come in the order of ``GenerationPlan/imageCount``; each begins after its
/// ``GenerationPlan/sharedSteps(ofImage:)``, with the base's state of that moment.
/// Not thread-safe: one lane owns it. Dropping it cancels the rest.
public protocol GenerationRun: AnyObject {
    /// What the next `advance()` will do; nil when all is done.
    var nextPhase: Phase? { get }

    /// Does one unit of work: the text encoding, the image encoding, one whole step, or one decoding.
    ///
    /// - Throws: also DATA_LOSS from the first unit that needs a checkpoint which is damaged.
    func advance() throws(GenerationError) -> GenerationUpdate

    /// Leaves out steps of the image under way, and all images after it: to the decoding of what is
    /// predicted now, or to the refiner's first step, whose noise level is reached along the last
    /// prediction. Nothing to do where that is past.
    ///
    /// - Returns: nil before the image's first step, when nothing is predicted yet: ask again after it.
    func skip(to target: SkipTarget) -> SkipReport?

    /// The picture as it is predicted now, after at least one of its steps; changes nothing.
    func preview() throws(GenerationError) -> DecodedImage

    /// What the image under way is predicted to become, to be drawn roughly and small by whoever calls the
    /// result, on any thread. Itself it takes next to no time, and changes nothing.
    ///
    /// - Returns: nil before a step of the image, and where the job asked for no previews.
    func sketch() -> (@Sendable () -> Picture)?

    /// Where it stands now; nil while nothing is done that is worth keeping, and when all is done.
    func checkpoint() -> GenerationCheckpoint?
}

/// What one call of ``GenerationRun/advance()`` did.
public enum GenerationUpdate: Sendable {
    case textEncoded
    /// The seed picture, where there is one.
    case imageEncoded
    case step(StepReport)
    case image(DecodedImage)
}

public enum SkipTarget: Sendable {
    case decoding, refiner
}

public struct SkipReport: Equatable, Sendable {
    /// Steps of the schedule that the image is past now, run or not.
    public var step: Int
    /// When the refiner takes over by this: SHA-256 of its latents.
    public var handoffLatentsSHA256: [UInt8]?

    public init(step: Int, handoffLatentsSHA256: [UInt8]? = nil) {
        self.step = step
        self.handoffLatentsSHA256 = handoffLatentsSHA256
    }
}

public struct StepReport: Equatable, Sendable {
    public var phase: Phase
    public var imageIndex: Int
    /// 1-based index of the step just finished, in the whole schedule.
    public var step: Int
    public var timestep: Double
    public var sigma: Double
    /// Of the UNet.
    public var evaluations: Int
    /// After the last base step, when a refiner follows: SHA-256 of the latents it takes over. Or after
    /// the refiner's first step, where a branch begins with that.
    public var handoffLatentsSHA256: [UInt8]?

    public init(
        phase: Phase, imageIndex: Int, step: Int, timestep: Double, sigma: Double,
        evaluations: Int = 1, handoffLatentsSHA256: [UInt8]? = nil
    ) {
        self.phase = phase
        self.imageIndex = imageIndex
        self.step = step
        self.timestep = timestep
        self.sigma = sigma
        self.evaluations = evaluations
        self.handoffLatentsSHA256 = handoffLatentsSHA256
    }
}

/// A picture: 8-bit RGB, `pixels` is [height, width, 3].
public struct DecodedImage: Equatable, Sendable {
    public var imageIndex: Int
    public var size: ImageSize
    public var seed: Int64
    public var pixels: [UInt8]
    /// SHA-256 of the latents that were decoded, and of those the refiner took over.
    public var latentsSHA256: [UInt8]
    public var handoffLatentsSHA256: [UInt8]?
    /// Steps after which some were left out; nil for an image that has them all.
    public var stepsBeforeCut: Int?

    public init(
        imageIndex: Int, size: ImageSize, seed: Int64, pixels: [UInt8],
        latentsSHA256: [UInt8] = [], handoffLatentsSHA256: [UInt8]? = nil,
        stepsBeforeCut: Int? = nil
    ) {
        self.imageIndex = imageIndex
        self.size = size
        self.seed = seed
        self.pixels = pixels
        self.latentsSHA256 = latentsSHA256
        self.handoffLatentsSHA256 = handoffLatentsSHA256
        self.stepsBeforeCut = stepsBeforeCut
    }
}

/// A model file, and what was found in it.
public struct ModelDescription: Equatable, Sendable {
    /// What requests call it: its file name without the extension.
    public var id: String
    /// Other names for it, such as `civitai:101055@128078`.
    public var aliases: [String]
    /// Such as `SDXL base`, `SDXL refiner` or `Stable Diffusion 1.x`.
    public var architecture: String
    public var role: Role
    /// Such as `F16`.
    public var dtype: String
    public var byteCount: Int64
    public var parameterCount: Int64
    /// What a request without a size gets.
    public var defaultSize: ImageSize
    /// The smallest width and height, in pixels.
    public var minimumSide: Int
    /// Why it cannot be used; empty when it can.
    public var problem: String
    /// Of the file, in 64 lower-case hex digits; empty until it is known, and for a model that is not one
    /// file.
    public var sha256: String

    /// ``architecture`` of the two experts that work together; any other is told to the caller only.
    public static let baseArchitecture = "SDXL base"
    public static let refinerArchitecture = "SDXL refiner"
    public static let embeddingArchitecture = "SDXL textual inversion"
    public static let loraArchitecture = "LoRA"

    public enum Role: Int32, Sendable {
        case unusable = 0
        case base = 1
        case refiner = 2
        /// Changes the weights of one of these.
        case lora = 3
        /// Learned vectors for a word of the prompts.
        case embedding = 4
        /// Decodes and encodes in place of a base model's own.
        case vae = 5
    }

    public init(
        id: String, aliases: [String], architecture: String, role: Role, dtype: String,
        byteCount: Int64, parameterCount: Int64, defaultSize: ImageSize,
        minimumSide: Int, problem: String, sha256: String = ""
    ) {
        self.id = id
        self.aliases = aliases
        self.architecture = architecture
        self.role = role
        self.dtype = dtype
        self.byteCount = byteCount
        self.parameterCount = parameterCount
        self.defaultSize = defaultSize
        self.minimumSide = minimumSide
        self.problem = problem
        self.sha256 = sha256
    }
}
