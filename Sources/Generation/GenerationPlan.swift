/// What a job will do, resolved before it starts and told to the caller in `Accepted`.
public struct GenerationPlan: Equatable, Sendable {
    public var model: String
    public var refinerModel: String?
    public var size: ImageSize
    public var seeds: [Int64]
    /// The scheduler's algorithm, such as `Euler`.
    public var scheduler: String
    /// How the timesteps are spaced, such as `leading` or `karras`.
    public var spacing: String
    /// One per step, of the whole schedule, both experts.
    public var timesteps: [Double]
    /// One per step and the final zero.
    public var sigmas: [Double]
    public var baseSteps: Int
    public var refinerSteps: Int
    public var handoff: Handoff?
    /// How a job with branches ends, in the order in which they are made: the earliest handoff first.
    /// Then `baseSteps`, `refinerSteps`, `handoff` and `refinerModel` are those of the first.
    public var branches: [Branch]
    /// Steps after which the job is paused.
    public var pauseStep: Int?
    /// The paused job that this one goes on from.
    public var resumes: Ticket?
    /// Sentences for the person who asked; they change nothing.
    public var advice: [String]
    /// What computes it: equal fingerprints and equal requests give equal bytes.
    public var fingerprint: String

    /// The resolved handoff in all four units.
    public struct Handoff: Equatable, Sendable {
        /// 1-based: the refiner's first step.
        public var step: Int
        /// The base's share of the steps, in percent.
        public var percentage: Double
        /// Timestep of the refiner's first step.
        public var timestep: Double
        /// Sigma of the refiner's first step.
        public var sigma: Double

        public init(step: Int, percentage: Double, timestep: Double, sigma: Double) {
            self.step = step
            self.percentage = percentage
            self.timestep = timestep
            self.sigma = sigma
        }
    }

    /// A paused job.
    public struct Ticket: Equatable, Sendable {
        public var jobID: String
        /// Steps that it had run.
        public var step: Int

        public init(jobID: String, step: Int) {
            self.jobID = jobID
            self.step = step
        }
    }

    public init(
        model: String, refinerModel: String?, size: ImageSize, seeds: [Int64], scheduler: String,
        spacing: String, timesteps: [Double], sigmas: [Double], baseSteps: Int, refinerSteps: Int,
        handoff: Handoff?, branches: [Branch] = [], advice: [String], fingerprint: String = ""
    ) {
        self.model = model
        self.refinerModel = refinerModel
        self.size = size
        self.seeds = seeds
        self.scheduler = scheduler
        self.spacing = spacing
        self.timesteps = timesteps
        self.sigmas = sigmas
        self.baseSteps = baseSteps
        self.refinerSteps = refinerSteps
        self.handoff = handoff
        self.branches = branches
        self.advice = advice
        self.fingerprint = fingerprint
    }
}
