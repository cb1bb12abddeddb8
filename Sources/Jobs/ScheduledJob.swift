internal import Generation
internal import Metrics

/// An accepted job. What varies is touched under the scheduler's lock only, but for its activity, which
/// is the lane's that has it.
final class ScheduledJob: @unchecked Sendable {
    /// New ones are being stored; all others are in the store. Ending ones wait for it to know of it.
    enum State {
        case storing, queued, running, ending
    }

    let job: GenerationJob
    /// Of the request as it was asked.
    let digest: [UInt8]
    /// Whose turn its turn counts as; 0 is that of all jobs of earlier starts.
    let client: UInt64
    let id: JobID
    let createdMilliseconds: Int64
    /// Of the server, in the job's life.
    let attempt: Int
    /// On the monotonic clock.
    let deadline: Duration?
    /// Likewise: since when it waits.
    let queuedAt: Duration
    /// Likewise: when a lane of this process took it up; nil until then.
    var startedAt: Duration?
    var plan: GenerationPlan

    var state = State.storing
    /// Where the counts have it until it has ended.
    var countsAs = ServerMetrics.Place.queued
    /// A lane advances it at the moment.
    var isOnLane = false
    /// Why it is to end before its next unit of work.
    var interruption: GenerationError?
    /// To where the image under way is to be cut short, and completes the job.
    var cut: SkipTarget?
    /// Calls whose loss cancels it when they are all lost; nil for a job that goes on whoever watches.
    var ownerCount: Int?
    /// Of its work, as last estimated.
    var remainingSeconds: Double?
    /// The place last told.
    var place: Int?
    var feed: JobFeed
    /// Its images so far.
    var byteCount = 0
    /// The work of an earlier start, until a lane takes the job up.
    var resumption: JobResumption?

    /// The lane's that has it.
    var activity: JobActivity?

    init(
        _ job: GenerationJob, of tenant: String = "", plan: GenerationPlan, digest: [UInt8],
        client: UInt64, createdMilliseconds: Int64, attempt: Int, deadline: Duration?,
        queuedAt: Duration
    ) {
        self.job = job
        self.plan = plan
        self.digest = digest
        self.client = client
        id = JobID(job.requestID, of: tenant)
        self.queuedAt = queuedAt
        self.createdMilliseconds = createdMilliseconds
        self.attempt = attempt
        self.deadline = deadline
        feed = JobFeed(jobID: id, attempt: attempt)
    }

    /// Of all its images.
    var stepCount: Int { (plan.baseSteps + plan.refinerSteps) * plan.seeds.count }

    /// What the store is to keep of it when it is accepted.
    func stored(acceptedSequence: UInt64, now: Duration) -> StoredJob {
        StoredJob(
            id: id, digest: digest, request: GenerationRequest(resolving: job), plan: plan,
            createdMilliseconds: createdMilliseconds, remaining: remaining(at: now),
            attempt: attempt, acceptedSequence: acceptedSequence)
    }

    /// Until its deadline.
    func remaining(at now: Duration) -> Duration? { deadline.map { $0 - now } }
}

/// Where a job of an earlier start goes on.
struct JobResumption {
    var checkpoint: GenerationCheckpoint
    var summary: Event.Summary
    var reason: String
}

/// A job's work while it runs.
struct JobActivity {
    let run: any GenerationRun
    var progress: JobProgress
    /// To where the image under way has been cut short.
    var cut: SkipTarget?
    /// When a lane took it up, set back by the time that it had run before this start.
    let began: Duration
    /// When its checkpoint was last given to the store.
    var checkpointed: Duration
}
