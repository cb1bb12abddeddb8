/// A job as it is listed.
public struct JobDescription: Equatable, Sendable {
    public var id: String
    public var state: JobState
    /// Jobs ahead of it; while it is queued.
    public var place: Int?
    /// What it last did; while it runs.
    public var phase: Phase?
    public var imageIndex: Int
    public var imageCount: Int
    /// Finished steps of the image under way.
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

    public init(
        id: String, state: JobState, plan: GenerationPlan, createdMilliseconds: Int64,
        sequence: UInt64
    ) {
        self.id = id
        self.state = state
        imageIndex = 0
        imageCount = plan.seeds.count
        step = 0
        baseSteps = plan.baseSteps
        refinerSteps = plan.refinerSteps
        model = plan.model
        refinerModel = plan.refinerModel
        size = plan.size
        self.createdMilliseconds = createdMilliseconds
        self.sequence = sequence
    }
}

/// Where a job is in its life; the numbers are the wire's.
public enum JobState: Int32, Sendable, CaseIterable {
    case queued = 1
    case running = 2
    case finished = 4
    case failed = 5
    case cancelled = 6

    public var isEnded: Bool {
        switch self {
        case .queued, .running: false
        case .finished, .failed, .cancelled: true
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
