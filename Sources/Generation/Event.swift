/// What a job reports, in order. `sequence` grows by at least one from event to event.
public struct Event: Equatable, Sendable {
    public var jobID: String
    public var sequence: UInt64
    /// From one event of a job to the next. Between them lie the numbers of those that say the first one
    /// again: whoever asks for what comes after such a number misses nothing.
    public static let sequenceStride: UInt64 = 1 << 10
    /// Milliseconds since 1970, for display only.
    public var timeMilliseconds: Int64
    public var content: Content

    public init(jobID: String, sequence: UInt64, timeMilliseconds: Int64, content: Content) {
        self.jobID = jobID
        self.sequence = sequence
        self.timeMilliseconds = timeMilliseconds
        self.content = content
    }

    public enum Content: Equatable, Sendable {
        case accepted(GenerationPlan)
        case queued(Queued)
        case progress(Progress)
        case handedOff(HandedOff)
        case image(Image)
        case resumed(Resumed)
        case ended(Ended)
    }

    public struct Queued: Equatable, Sendable {
        /// Jobs ahead of this one; 0 is next.
        public var place: Int
        /// Until the whole job is done; nil until the costs of its work are known.
        public var etaSeconds: Double?

        public init(place: Int, etaSeconds: Double?) {
            self.place = place
            self.etaSeconds = etaSeconds
        }
    }

    public struct Progress: Equatable, Sendable {
        public var phase: Phase
        /// Steps finished of the whole schedule, 0...steps.
        public var step: Int
        public var steps: Int
        /// Steps finished of this phase. Text encoding and decoding are one step each, told when they
        /// begin (0) and when they are done (1).
        public var phaseStep: Int
        public var phaseSteps: Int
        /// Of the step just finished; 0 where the phase has none.
        public var timestep: Double
        public var sigma: Double
        public var stepSeconds: Double
        /// Since a lane took the job up.
        public var elapsedSeconds: Double
        /// Until the whole job is done, weighted by the measured cost of each kind of work; never
        /// grows, and nil until a step has been measured.
        public var etaSeconds: Double?
        public var imageIndex: Int
        public var imageCount: Int
        /// The image's branch, by its place in the request; nil in a job without branches.
        public var branch: Int?
        /// Finished steps of all the job's images, and how many there are: a step that several branches
        /// share is one.
        public var jobStep: Int
        public var jobSteps: Int
        /// On one that is told again when a preview has become ready.
        public var preview: Preview?

        /// What the image under way is predicted to become.
        public struct Preview: Equatable, Sendable {
            public var png: [UInt8]
            /// Finished steps of the image when it was predicted.
            public var step: Int

            public init(png: [UInt8], step: Int) {
                self.png = png
                self.step = step
            }
        }

        public init(
            phase: Phase, step: Int, steps: Int, phaseStep: Int, phaseSteps: Int, timestep: Double,
            sigma: Double, stepSeconds: Double, elapsedSeconds: Double, etaSeconds: Double?,
            imageIndex: Int, imageCount: Int, branch: Int? = nil, jobStep: Int = 0,
            jobSteps: Int = 0, preview: Preview? = nil
        ) {
            self.phase = phase
            self.step = step
            self.steps = steps
            self.phaseStep = phaseStep
            self.phaseSteps = phaseSteps
            self.timestep = timestep
            self.sigma = sigma
            self.stepSeconds = stepSeconds
            self.elapsedSeconds = elapsedSeconds
            self.etaSeconds = etaSeconds
            self.imageIndex = imageIndex
            self.imageCount = imageCount
            self.branch = branch
            self.jobStep = jobStep
            self.jobSteps = jobSteps
            self.preview = preview
        }
    }

    /// The refiner takes over the latents.
    public struct HandedOff: Equatable, Sendable {
        public var imageIndex: Int
        public var handoff: GenerationPlan.Handoff
        /// SHA-256 of the latents at the handoff (little-endian float32, [4, height/8, width/8]).
        public var latentsSHA256: [UInt8]
        /// As in ``Progress``.
        public var branch: Int?

        public init(
            imageIndex: Int, handoff: GenerationPlan.Handoff, latentsSHA256: [UInt8],
            branch: Int? = nil
        ) {
            self.branch = branch
            self.imageIndex = imageIndex
            self.handoff = handoff
            self.latentsSHA256 = latentsSHA256
        }
    }

    /// The job goes on after a break: the server has started again, or a checkpoint was no good.
    public struct Resumed: Equatable, Sendable {
        public var imageIndex: Int
        /// Finished steps of that image from which it goes on; 0 begins it anew.
        public var step: Int
        /// For people.
        public var reason: String

        public init(imageIndex: Int, step: Int, reason: String) {
            self.imageIndex = imageIndex
            self.step = step
            self.reason = reason
        }
    }

    /// The end of one job, for those who watch all of them; who watches one has the end of the stream.
    public struct Ended: Equatable, Sendable {
        public var state: JobState
        /// Nil for a job that is finished.
        public var error: GenerationError?

        public init(state: JobState, error: GenerationError?) {
            self.state = state
            self.error = error
        }
    }

    public struct Image: Equatable, Sendable {
        public var png: [UInt8]
        public var size: ImageSize
        public var seed: Int64
        public var sha256: [UInt8]
        public var imageIndex: Int
        public var imageCount: Int
        /// As in ``Progress``.
        public var branch: Int?
        /// Of a job that is paused by it: the steps that it had run. The image is the picture as it is
        /// predicted then.
        public var pausedStep: Int?
        /// On the image that completes the job.
        public var summary: Summary?

        public init(
            png: [UInt8], size: ImageSize, seed: Int64, sha256: [UInt8], imageIndex: Int,
            imageCount: Int, branch: Int? = nil, pausedStep: Int? = nil, summary: Summary?
        ) {
            self.png = png
            self.size = size
            self.seed = seed
            self.sha256 = sha256
            self.imageIndex = imageIndex
            self.imageCount = imageCount
            self.branch = branch
            self.pausedStep = pausedStep
            self.summary = summary
        }
    }

    /// The whole job, over all its images.
    public struct Summary: Equatable, Sendable {
        /// Steps run, those that branches share once.
        public var baseSteps: Int
        public var refinerSteps: Int
        /// Of the UNets in these steps: second-order samplers take two a step. Guidance is no second
        /// one, but twice the work in the same.
        public var baseEvaluations: Int
        public var refinerEvaluations: Int
        /// Evaluations that the separate requests of the branches would have taken on top.
        public var sharedEvaluations: Int
        public var textEncodingSeconds: Double
        public var imageEncodingSeconds: Double
        public var baseSeconds: Double
        public var refinerSeconds: Double
        public var decodingSeconds: Double
        /// From a lane's taking the job up to the last picture, writing the files included.
        public var totalSeconds: Double
        /// It was cut short by ``CancelOutcome/decodeNow`` or ``CancelOutcome/skipToRefiner``.
        public var isCutShort: Bool

        public init(
            baseSteps: Int = 0, refinerSteps: Int = 0, textEncodingSeconds: Double = 0,
            imageEncodingSeconds: Double = 0, baseSeconds: Double = 0, refinerSeconds: Double = 0,
            decodingSeconds: Double = 0, totalSeconds: Double = 0, isCutShort: Bool = false,
            baseEvaluations: Int = 0, refinerEvaluations: Int = 0, sharedEvaluations: Int = 0
        ) {
            self.baseSteps = baseSteps
            self.refinerSteps = refinerSteps
            self.textEncodingSeconds = textEncodingSeconds
            self.imageEncodingSeconds = imageEncodingSeconds
            self.baseSeconds = baseSeconds
            self.refinerSeconds = refinerSeconds
            self.decodingSeconds = decodingSeconds
            self.totalSeconds = totalSeconds
            self.isCutShort = isCutShort
            self.baseEvaluations = baseEvaluations
            self.refinerEvaluations = refinerEvaluations
            self.sharedEvaluations = sharedEvaluations
        }
    }
}

/// Which part of the work runs; the numbers are the wire's.
public enum Phase: Int32, Sendable, CaseIterable {
    case textEncoding = 1
    case imageEncoding = 2
    case base = 3
    case refiner = 4
    case decoding = 5

    /// Whether its units are steps of the schedule.
    public var isStep: Bool { self == .base || self == .refiner }
}
