/// One parameter of a request. ``all`` is the only table of them: checking a request, reading one
/// from JSON and describing them to people all go by it.
public struct Parameter: Sendable {
    /// The public contract's name, dotted where it is nested: `refiner.startStep`.
    public let name: String
    public let kind: Kind
    /// What an absent one means, in words; nil where it must be given.
    public let defaultText: String?
    /// One line for people.
    public let summary: String
    /// Set where the proto's field is not this name in snake case.
    private let wireNameOverride: String?

    /// Where in a request the value is kept.
    public typealias Field<Value> = any WritableKeyPath<GenerationRequest, Value?> & Sendable

    /// What it holds, where, and its range. The last word on a width or height is the model's and
    /// the server's: see ``GenerationJob/init(_:models:limits:)``.
    public enum Kind: Sendable {
        /// Text for a text encoder; the range counts Unicode scalars. `__BLANK__` is empty text.
        case prompt(Field<String>, ClosedRange<Int>)
        /// A name of something; the range counts UTF-8 bytes. No control characters.
        case name(Field<String>, ClosedRange<Int>)
        case integer(Field<Int>, ClosedRange<Int>)
        case seed(Field<Int64>, ClosedRange<Int64>)
        case number(Field<Double>, ClosedRange<Double>)
        /// A picture uploaded before, by the SHA-256 of its file: 64 hex digits.
        case picture(Field<String>)
        /// Pixels along one side of the picture.
        case side(Field<Int>)
        case size(Field<ImageSize>, ClosedRange<Int>)
        case point(Field<ImagePoint>, ClosedRange<Int>)
        /// Learned words: how many, and what each may weigh.
        case embeddings(count: Int, weight: ClosedRange<Double>)
        /// One of a few words.
        case choice(Field<String>, [String])
        case flag(Field<Bool>)
        /// A step, or the handoff.
        case pause(Field<GenerationRequest.PausePoint>, ClosedRange<Int>)
        /// Endings: how many.
        case branches(count: Int)
        /// How many, and how much each may weigh.
        case loras(count: Int, weight: ClosedRange<Double>)
    }

    init(
        _ name: String, _ kind: Kind, default defaultText: String?, _ summary: String,
        wireName: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.summary = summary
        wireNameOverride = wireName
    }

    /// What an absent parameter becomes, where that is a constant.
    public enum Default {
        public static let steps = 20
        public static let cfgScale = 7.0
        public static let numberResults = 1
        public static let scheduler = "Default"
        public static let aestheticScore = 6.0
        public static let negativeAestheticScore = 2.5
        public static let strength = 0.8
        public static let loraWeight = 1.0
    }

    /// In a prompt's place: no text, said on purpose.
    public static let blankPrompt = "__BLANK__"

    static let promptLength = 2...promptCharacterMaximum
    /// Characters, that is Unicode scalars, of one prompt.
    public static let promptCharacterMaximum = 3000

    /// 30 days, in milliseconds.
    static let deadlineMaximum = 30 * 86_400_000

    /// More embeddings than this in one request are refused.
    public static let embeddingCountMaximum = 8

    static let sizeConditioning = 0...16384

    /// More LoRA than this in one request are refused.
    public static let loraCountMaximum = 8

    /// More branches than this in one request are refused.
    public static let branchCountMaximum = 16
    /// Of all branches together.
    public static let branchImageMaximum = 64

    /// Every parameter, in the order in which they are checked and documented.
    public static let all: [Parameter] = [
        Parameter(
            "taskUUID", .name(\.requestID, 0...128), default: "made up by the server",
            "The caller's name for the job; unique among the jobs in progress.",
            wireName: "request_id"),
        Parameter(
            "positivePrompt", .prompt(\.positivePrompt, promptLength), default: nil,
            "What the picture shows; __BLANK__ for no text."),
        Parameter(
            "negativePrompt", .prompt(\.negativePrompt, 0...promptLength.upperBound),
            default: "zeros for the base, an encoded empty text for the refiner",
            "What the picture shall not show; empty: encoded as an empty text by both."),
        Parameter(
            "positivePrompt2", .prompt(\.positivePrompt2, 0...promptLength.upperBound),
            default: "positivePrompt", "The text for the base's second text encoder."),
        Parameter(
            "negativePrompt2", .prompt(\.negativePrompt2, 0...promptLength.upperBound),
            default: "negativePrompt", "The negative text for the base's second text encoder."),
        Parameter(
            "model", .name(\.model, 0...256), default: "the server's default model",
            "The base model: an id or alias from ListModels."),
        Parameter(
            "vae", .name(\.vae, 0...256), default: "the model's own",
            "A VAE file that decodes, and encodes: an id or alias from ListModels."),
        Parameter(
            "width", .side(\.width), default: "the model's own",
            "Pixels, a multiple of 8; together with height."),
        Parameter(
            "height", .side(\.height), default: "the model's own",
            "Pixels, a multiple of 8; together with width."),
        Parameter(
            "steps", .integer(\.steps, 1...100), default: "\(Default.steps)",
            "Steps of the whole schedule, both experts together."),
        Parameter(
            "scheduler", .name(\.scheduler, 0...64), default: Default.scheduler,
            "The sampler, such as Euler or DPM++ 2M Karras; Default is the model's own."),
        // The contract starts at 1; 0 is taken too, since diffusers and our reference pictures use
        // it, and it is as good a seed as any.
        Parameter(
            "seed", .seed(\.seed, 0...Int64.max), default: "random, 32 bits",
            "Image i starts from the noise of seed + i."),
        Parameter(
            "CFGScale", .number(\.cfgScale, 0...50), default: plain(Default.cfgScale),
            "Guidance; at 1 or below the negative prompt is not evaluated."),
        Parameter(
            "numberResults", .integer(\.numberResults, 1...20),
            default: "\(Default.numberResults)", "How many pictures."),
        Parameter(
            "originalSize", .size(\.originalSize, sizeConditioning), default: "the picture's size",
            "Size conditioning: the size before cropping, {height, width}."),
        Parameter(
            "cropTopLeft", .point(\.cropTopLeft, sizeConditioning), default: "0, 0",
            "Size conditioning: where the crop began, {top, left}."),
        Parameter(
            "targetSize", .size(\.targetSize, sizeConditioning), default: "the picture's size",
            "Size conditioning: the size aimed at, {height, width}."),
        Parameter(
            "negativeOriginalSize", .size(\.negativeOriginalSize, sizeConditioning),
            default: "as originalSize", "originalSize for the negative prompt."),
        Parameter(
            "negativeCropTopLeft", .point(\.negativeCropTopLeft, sizeConditioning),
            default: "0, 0", "cropTopLeft for the negative prompt."),
        Parameter(
            "negativeTargetSize", .size(\.negativeTargetSize, sizeConditioning),
            default: "as targetSize", "targetSize for the negative prompt."),
        Parameter(
            "clipSkip", .integer(\.clipSkip, 0...2), default: "0",
            "Layers of the text encoders left out beyond SDXL's own choice, for positive prompts."),
        Parameter(
            "promptWeighting",
            .choice(\.promptWeighting, GenerationJob.PromptWeighting.allCases.map(\.rawValue)),
            default: "none, and prompts are cut to 75 tokens",
            "The syntax of weights in prompts, which may then be up to 750 tokens long."),
        Parameter(
            "embeddings", .embeddings(count: embeddingCountMaximum, weight: -4...4),
            default: "none",
            "Learned words that the prompts may use, {model, weight}: weight is 1 when absent."),
        Parameter(
            "guidanceRescale", .number(\.guidanceRescale, 0...1), default: "0",
            "How far guidance is brought back to the contrast of the unguided prediction."),
        Parameter(
            "eta", .number(\.eta, 0...1), default: "the scheduler's own",
            "Fresh noise in each step, for DDIM (usually 0) and TCD (usually 0.3)."),
        Parameter(
            "handoffHistory",
            .choice(\.handoffHistory, GenerationJob.HandoffHistory.allCases.map(\.rawValue)),
            default: GenerationJob.HandoffHistory.keep.rawValue,
            "Whether a multistep scheduler goes on with the base's predictions at the handoff."),
        Parameter(
            "refiner.model", .name(\.refinerFields.model, 0...256), default: nil,
            "The SDXL refiner: an id or alias from ListModels."),
        Parameter(
            "refiner.startStep", .integer(\.refinerFields.startStep, 2...100),
            default: "one of the four start fields is given",
            "1-based: the refiner runs this step and all later ones; at most steps."),
        Parameter(
            "refiner.startStepPercentage", .integer(\.refinerFields.startStepPercentage, 1...99),
            default: "one of the four start fields is given",
            "The base runs floor(steps * percentage / 100) steps, at least 1, at most steps - 1."),
        Parameter(
            "refiner.startTimestep", .number(\.refinerFields.startTimestep, 0...1000),
            default: "one of the four start fields is given",
            "The refiner runs every step whose timestep is below this."),
        Parameter(
            "refiner.startSigma", .number(\.refinerFields.startSigma, 0...10_000),
            default: "one of the four start fields is given",
            "The refiner runs every step whose sigma is below this."),
        Parameter(
            "refiner.CFGScale", .number(\.refinerFields.cfgScale, 0...50), default: "CFGScale",
            "Guidance of the refiner's steps."),
        Parameter(
            "refiner.positivePrompt", .prompt(\.refinerFields.positivePrompt, promptLength),
            default: "positivePrompt", "The refiner's own prompt."),
        Parameter(
            "refiner.negativePrompt",
            .prompt(\.refinerFields.negativePrompt, 0...promptLength.upperBound),
            default: "negativePrompt", "The refiner's own negative prompt."),
        Parameter(
            "refiner.aestheticScore", .number(\.refinerFields.aestheticScore, 0...10),
            default: plain(Default.aestheticScore), "Score conditioning of the refiner."),
        Parameter(
            "refiner.negativeAestheticScore",
            .number(\.refinerFields.negativeAestheticScore, 0...10),
            default: plain(Default.negativeAestheticScore),
            "Score conditioning of the refiner for the negative prompt."),
        Parameter(
            "branches", .branches(count: branchCountMaximum), default: "none, one ending",
            "Endings that share the base's steps, {refiner}: what one leaves out is as in refiner, and "
                + "without one the base ends the picture alone. At most \(branchImageMaximum) pictures."
        ),
        Parameter(
            "seedImage", .picture(\.seedImage), default: "none, noise alone",
            "A picture to start from: the SHA-256 of a PNG sent with UploadImage."),
        Parameter(
            "maskImage", .picture(\.maskImage), default: "all of seedImage is made anew",
            "Likewise, of the same size: white is made anew, black stays as in seedImage."),
        Parameter(
            "strength", .number(\.strength, 0...1), default: plain(Default.strength),
            "The last floor(steps * strength) steps are run on seedImage; 1 leaves hardly any of it."
        ),
        Parameter(
            "lora", .loras(count: loraCountMaximum, weight: -4...4), default: "none",
            "Changes of weights for this job, {model, weight, applyTo}: weight is 1 and applyTo base "
                + "when absent; base, refiner or both.",
            wireName: "loras"),
        Parameter(
            "priority", .integer(\.priority, -10...10), default: "0",
            "Which of the jobs that wait is next: higher is sooner; each minute of waiting counts 1."
        ),
        Parameter(
            "deadlineMs", .integer(\.deadlineMilliseconds, 1...deadlineMaximum), default: "none",
            "Milliseconds after which the job, waiting or running, ends with DEADLINE_EXCEEDED."),
        Parameter(
            "detach", .flag(\.detach), default: "false",
            "Whether the job goes on when the connection that asked for it is lost."),
        Parameter(
            "pauseAt", .pause(\.pauseAt, 1...99), default: "never",
            "Steps after which the job is paused with a preview, or handoff; ResumeJob goes on from it."
        ),
        Parameter(
            "previewEvery", .integer(\.previewEvery, 1...100), default: "no previews",
            "Steps from one preview to the next: small pictures of what the image is predicted to become."
        ),
        Parameter(
            "previewSide", .integer(\.previewSide, 16...512),
            default: "an eighth of the picture's, one for each latent",
            "Pixels of a preview's longer side."),
    ]
}

extension Parameter {
    /// The last part of ``name``: the key within its object.
    public var key: String {
        name.split(separator: ".").last.map(String.init) ?? name
    }

    /// The proto's name of the field, such as `start_step`.
    public var wireName: String { wireNameOverride ?? Self.snakeCased(key) }

    /// The contract's code for a bad value: `invalidRefinerStartStep`. A text of the wrong length
    /// has `Length` after it.
    public var code: String { "invalid" + Self.codeName(name) }

    /// The contract's code for an absent value: `missingPositivePrompt`.
    public var missingCode: String { "missing" + Self.codeName(name) }

    private static func codeName(_ path: String) -> String {
        path.split(separator: ".").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// `CFGScale` to `cfg_scale`, `positivePrompt2` to `positive_prompt_2`.
    static func snakeCased(_ name: String) -> String {
        let characters = Array(name)
        var result = ""
        for (index, character) in characters.enumerated() {
            if index > 0 {
                let before = characters[index - 1]
                let next = index + 1 < characters.count ? characters[index + 1] : " "
                let wordStarts = character.isUppercase && (!before.isUppercase || next.isLowercase)
                if wordStarts || (character.isNumber && !before.isNumber) { result += "_" }
            }
            result += character.lowercased()
        }
        return result
    }
}

extension GenerationRequest {
    /// The refiner's fields, so that key paths reach through the optional: reading an absent refiner
    /// gives an empty one, writing one brings it into being.
    var refinerFields: Refiner {
        get { refiner ?? Refiner() }
        set { refiner = newValue }
    }
}
