public import Generation

/// A job as it is stored: what was asked, what was resolved, and how far it is.
public struct StoredJob: Equatable, Sendable {
    public var id: JobID
    /// SHA-256 of the request as it was asked: tells a repetition from another request of the same id.
    public var digest: [UInt8]
    /// With every value resolved, also the seed.
    public var request: GenerationRequest
    public var plan: GenerationPlan
    public var createdMilliseconds: Int64
    /// Until its deadline, when last written; nil without one.
    public var remaining: Duration?
    /// How often the server has started again in its life. Its events' sequence numbers begin anew, above
    /// all earlier ones, with each: see ``JobFeed``.
    public var attempt = 0
    /// Of these, how often in a row without a checkpoint in between, while it ran.
    public var crashes = 0
    /// Of its `accepted` event.
    public var acceptedSequence: UInt64
    /// A lane had it when the store was last written.
    public var isRunning = false
    /// What was last asked of CancelJob.
    public var cancelOutcome: CancelOutcome?
    public var summary = Event.Summary()
    public var checkpoint: StoredCheckpoint?
    /// In the order of the images.
    public var handoffs: [StoredHandoff] = []
    public var images: [StoredImage.Facts] = []

    public init(
        id: JobID, digest: [UInt8], request: GenerationRequest, plan: GenerationPlan,
        createdMilliseconds: Int64, remaining: Duration?, attempt: Int,
        acceptedSequence: UInt64
    ) {
        self.id = id
        self.digest = digest
        self.request = request
        self.plan = plan
        self.createdMilliseconds = createdMilliseconds
        self.remaining = remaining
        self.attempt = attempt
        self.acceptedSequence = acceptedSequence
    }
}

/// A file that a job starts from.
public struct StoredPicture: Equatable, Sendable {
    /// SHA-256 of the file, in lower-case hex.
    public var name: String
    public var file: [UInt8]
}

public struct StoredCheckpoint: Equatable, Sendable {
    public var generation: GenerationCheckpoint
    public var phase: Phase
    /// Of what computed it: another one cannot go on from it.
    public var fingerprint: String
    /// Of the job so far.
    public var summary: Event.Summary
    /// Until the deadline.
    public var remaining: Duration?
}

/// The refiner has taken over an image's latents.
public struct StoredHandoff: Equatable, Sendable {
    public var imageIndex: Int
    public var sequence: UInt64
    public var timeMilliseconds: Int64
    public var latentsSHA256: [UInt8]
}

public struct StoredImage: Equatable, Sendable {
    public var facts: Facts
    public var png: [UInt8]

    /// All but the file.
    public struct Facts: Equatable, Sendable {
        public var index: Int
        public var sequence: UInt64
        public var timeMilliseconds: Int64
        public var size: ImageSize
        public var seed: Int64
        public var byteCount: Int
        public var sha256: [UInt8]
    }
}

public struct StoredEnding: Equatable, Sendable {
    /// Nil for a job that is finished or paused.
    public var error: GenerationError?
    public var milliseconds: Int64
    /// Its checkpoint and the files that it starts from stay.
    public var isPaused = false

    public var state: JobState { isPaused ? .paused : JobState(ending: error) }
}

/// What a watcher of an ended job is told.
public struct StoredHistory: Equatable, Sendable {
    public var job: StoredJob
    public var ending: StoredEnding
}

/// Everything in a store.
public struct StoreContents: Sendable {
    /// In the order in which they were accepted.
    public var unfinished: [StoredJob] = []
    /// The files that the unfinished ones start from.
    public var pictures: [StoredPicture] = []
    /// In the order in which they ended.
    public var ended: [EndedJob] = []
    /// Ids of jobs that cannot be read, each with what is wrong.
    public var damaged: [(id: JobID, problem: String)] = []
    /// Sentences for the log: what the store found when it was opened.
    public var notices: [String] = []
}

/// An ended job as it is listed; the rest of it stays in the store.
public struct EndedJob: Equatable, Sendable {
    public var id: JobID
    public var description: JobDescription
    public var digest: [UInt8]
    public var attempt: Int
    /// Of its images' files.
    public var byteCount: Int
}
