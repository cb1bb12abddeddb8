internal import Generation
internal import Metrics

/// An accepted job. What varies is touched under the scheduler's lock only, but for its activity and its last
/// expert, which are the lane's that has it.
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
    /// Of the machine.
    let needs: JobNeeds
    var plan: GenerationPlan

    var state = State.storing
    /// Where the counts have it until it has ended.
    var countsAs = ServerMetrics.Place.queued
    /// A lane advances it at the moment.
    var isOnLane = false
    /// In the order in which jobs came to the queue.
    var number = 0
    /// The work that is left.
    private(set) var left: WorkEstimate
    /// The same in seconds, as last estimated, or guessed: to be compared with others'.
    private(set) var work = 0.0
    /// Whose step its next unit is; nil where it is none.
    var expert: String?
    /// The same of its last unit, or the one under way.
    var lastExpert: String?
    /// When its unit under way began.
    var unitBegan = Duration.zero
    /// Others were set aside for that unit.
    var isPassing = false
    /// What its last unit took.
    var unitSeconds = 0.0
    /// Since the end of that.
    var waitsSince = Duration.zero
    /// Why it is to end before its next unit of work.
    var interruption: GenerationError?
    /// To where the image under way is to be cut short, and completes the job.
    var cut: SkipTarget?
    /// Calls whose loss cancels it when they are all lost; nil for a job that goes on whoever watches.
    var ownerCount: Int?
    /// The same where it is more than a guess.
    private(set) var remainingSeconds: Double?
    /// As of when that is left, while a lane advances it.
    var leftSince = Duration.zero
    /// While it is queued: when it will be done, as last foreseen.
    var doneAt: Duration?
    /// The place last told.
    var place: Int?
    var feed: JobFeed
    /// Its images so far; of a paused one its checkpoint too.
    var byteCount = 0
    /// It ends so, unless its preview cannot be kept.
    var isPaused = false
    /// The work of an earlier start, until a lane takes the job up.
    var resumption: JobResumption?

    /// The lane's that has it.
    var activity: JobActivity?

    init(
        _ job: GenerationJob, of tenant: String = "", plan: GenerationPlan, needs: JobNeeds,
        digest: [UInt8],
        client: UInt64, createdMilliseconds: Int64, attempt: Int, deadline: Duration?,
        queuedAt: Duration
    ) {
        self.job = job
        self.plan = plan
        self.needs = needs
        self.digest = digest
        self.client = client
        id = JobID(job.requestID, of: tenant)
        self.queuedAt = queuedAt
        self.createdMilliseconds = createdMilliseconds
        self.attempt = attempt
        self.deadline = deadline
        feed = JobFeed(jobID: id, attempt: attempt)
        left = WorkEstimate(job, plan, needs)
    }

    /// So much is left.
    func estimate(_ left: WorkEstimate, _ costs: WorkCosts) {
        self.left = left
        remainingSeconds = left.seconds(costs: costs)
        work = left.weight(costs: costs)
    }

    /// What is left of it now: a unit under way goes on as time passes.
    func remainingSeconds(at now: Duration) -> Double? {
        guard isOnLane else { return remainingSeconds }
        return remainingSeconds.map { max($0 - (now - leftSince).inSeconds, 0) }
    }

    /// What is left of it before a lane takes it up.
    var whole: WorkEstimate {
        var estimate = WorkEstimate(job, plan, needs)
        if let checkpoint = resumption?.checkpoint {
            estimate.finish(images: checkpoint.imageIndex, steps: checkpoint.step, of: plan)
        }
        return estimate
    }
    /// Of all its images, those that branches share once.
    var stepCount: Int { plan.workedSteps }

    /// What the store is to keep of it when it is accepted.
    func stored(acceptedSequence: UInt64, now: Duration) -> StoredJob {
        var stored = StoredJob(
            id: id, digest: digest, request: GenerationRequest(resolving: job), plan: plan,
            createdMilliseconds: createdMilliseconds, remaining: remaining(at: now),
            attempt: attempt, acceptedSequence: acceptedSequence)
        stored.checkpoint = resumption.map {
            StoredCheckpoint(
                generation: $0.checkpoint, phase: .base, fingerprint: plan.fingerprint,
                summary: $0.summary, remaining: stored.remaining)
        }
        return stored
    }

    /// Until its deadline.
    func remaining(at now: Duration) -> Duration? { deadline.map { $0 - now } }
}

/// Where a job of an earlier start, or one that resumes another, goes on.
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

extension GenerationPlan {
    /// Whose step a unit of that phase is; nil where it is none.
    func expert(_ phase: Phase) -> String? {
        switch phase {
        case .base: model
        case .refiner: refinerModel ?? model
        case .textEncoding, .imageEncoding, .decoding: nil
        }
    }

    /// - Parameter step: steps of the image that are done.
    func expert(ofStep step: Int) -> String? { expert(step < baseSteps ? .base : .refiner) }
}
