/// A job as it is listed.
public struct JobDescription: Equatable, Sendable {
    public var id: String
    public var state: JobState
    /// Jobs ahead of it; while it is queued.
    public var place: Int?
    /// What it last did; while it runs.
    public var phase: Phase?
    /// The image under way; once it has ended, the last that was.
    public var imageIndex: Int
    public var imageCount: Int
    /// Finished steps of that image.
    public var step: Int
    public var baseSteps: Int
    public var refinerSteps: Int
    /// Until it is done; nil when that is not known.
    public var etaSeconds: Double?
    public var model: String
    public var refinerModel: String?
    public var size: ImageSize
    /// Since 1970.
    public var createdMilliseconds: Int64
    /// Since 1970; once it has ended.
    public var endedMilliseconds: Int64?
    /// Of its latest event.
    public var sequence: UInt64
    /// Why it failed or was cancelled.
    public var error: GenerationError?
    /// The paused job that it goes on from.
    public var resumes: String?

    public init(
        id: String, state: JobState, plan: GenerationPlan, createdMilliseconds: Int64,
        sequence: UInt64
    ) {
        self.id = id
        self.state = state
        imageIndex = 0
        imageCount = plan.imageCount
        step = 0
        baseSteps = plan.baseSteps
        refinerSteps = plan.refinerSteps
        model = plan.model
        refinerModel = plan.refinerModel
        size = plan.size
        self.createdMilliseconds = createdMilliseconds
        self.sequence = sequence
        resumes = plan.resumes?.jobID
    }
}

/// Where a job is in its life; the numbers are the wire's.
public enum JobState: Int32, Sendable, CaseIterable {
    case queued = 1
    case running = 2
    case finished = 3
    case failed = 4
    case cancelled = 5
    /// It has ended with a preview; others may go on from where it stands.
    case paused = 6

    public var isEnded: Bool {
        switch self {
        case .queued, .running: false
        case .finished, .failed, .cancelled, .paused: true
        }
    }

    /// How a job ends with that error; nil is success. A cancelled one did not fail.
    public init(ending error: GenerationError?) {
        switch error?.status {
        case nil: self = .finished
        case .cancelled: self = .cancelled
        case _: self = .failed
        }
    }
}

/// What becomes of a job that its caller no longer wants as it was; the numbers are the wire's.
public enum CancelOutcome: Int32, Sendable, CaseIterable {
    /// It ends with CANCELLED.
    case discard = 0
    /// The image under way is decoded as it is predicted, and completes the job.
    case decodeNow = 1
    /// The refiner takes the image under way over at once, and its picture completes the job.
    case skipToRefiner = 2
}

/// Which jobs to list; nil or empty is all.
public struct JobFilter: Equatable, Sendable {
    public var states: [JobState]
    /// The id of a base model or refiner.
    public var model: String?
    /// Of one page, 1...1000; nil is 100.
    public var pageSize: Int?
    /// ``JobPage/nextToken`` of the page before.
    public var pageToken: String?

    public static let pageSizes = 1...1000
    public static let defaultPageSize = 100

    public init(
        states: [JobState] = [], model: String? = nil, pageSize: Int? = nil,
        pageToken: String? = nil
    ) {
        self.states = states
        self.model = model
        self.pageSize = pageSize
        self.pageToken = pageToken
    }
}

/// Jobs, the newest first.
public struct JobPage: Equatable, Sendable {
    public var jobs: [JobDescription]
    /// For the next page; nil after the last.
    public var nextToken: String?

    public init(jobs: [JobDescription], nextToken: String?) {
        self.jobs = jobs
        self.nextToken = nextToken
    }
}

/// Part of a finished image's file.
public struct ImageChunk: Equatable, Sendable {
    public var data: [UInt8]
    /// Where in the file `data` begins.
    public var offset: Int
    /// Of the whole file.
    public var byteCount: Int
    public var sha256: [UInt8]

    public init(data: [UInt8], offset: Int, byteCount: Int, sha256: [UInt8]) {
        self.data = data
        self.offset = offset
        self.byteCount = byteCount
        self.sha256 = sha256
    }
}
