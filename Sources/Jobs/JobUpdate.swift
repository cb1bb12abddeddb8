public import Generation

/// What an observer of a job is told: events in order, and last of all, once, its end.
public enum JobUpdate: Sendable {
    case event(Event)
    /// Success follows the image with the summary. Otherwise CANCELLED, DEADLINE_EXCEEDED,
    /// UNAVAILABLE when the server stops, or the generator's own error.
    case ended(Result<Void, GenerationError>)
}

extension Result where Success == Void, Failure == GenerationError {
    var error: GenerationError? {
        if case .failure(let error) = self { error } else { nil }
    }
}

/// Someone's hold on a job, or on all of them.
public struct JobHandle: Sendable {
    /// Empty for one on all jobs.
    public var jobID: String { watcher.jobID?.name ?? "" }
    let watcher: JobWatcher
    /// Nil for one that had ended before, and for all jobs.
    let job: ScheduledJob?
    /// The job is cancelled when all calls that own it have let go.
    var isOwner = false
}
