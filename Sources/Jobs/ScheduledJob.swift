internal import Generation

/// An accepted job. What varies is touched under the scheduler's lock only.
final class ScheduledJob: @unchecked Sendable {
    typealias Observer = @Sendable (JobUpdate) -> Void

    enum State {
        case queued, running, ended
    }

    let job: GenerationJob
    let plan: GenerationPlan
    /// On the monotonic clock.
    let deadline: Duration?

    var state = State.queued
    /// Why it is to end before its next unit of work.
    var interruption: GenerationError?
    /// Of its work, as last estimated.
    var remainingSeconds: Double?
    /// The place last told.
    var place: Int?

    private var observer: Observer?
    private var outbox: [JobUpdate] = []
    private var isDelivering = false
    private var sequence: UInt64 = 0

    init(
        _ job: GenerationJob, plan: GenerationPlan, deadline: Duration?,
        observer: @escaping Observer
    ) {
        self.job = job
        self.plan = plan
        self.deadline = deadline
        self.observer = observer
    }

    func post(_ content: Event.Content, timeMilliseconds: Int64) {
        sequence += 1
        outbox.append(
            .event(
                Event(
                    jobID: job.requestID, sequence: sequence, timeMilliseconds: timeMilliseconds,
                    content: content)))
    }

    func postEnd(_ result: Result<Void, GenerationError>) {
        outbox.append(.ended(result))
    }

    /// True for the one thread that is to call ``takeUpdate()`` until there is nothing more: so no
    /// job's observer is ever called by two threads at a time, nor out of order, nor under the lock.
    func claimDelivery() -> Bool {
        guard !isDelivering, !outbox.isEmpty else { return false }
        isDelivering = true
        return true
    }

    /// The next update and whom to tell; nil when there is none, which gives up the delivery.
    func takeUpdate() -> (Observer, JobUpdate)? {
        guard let observer, !outbox.isEmpty else {
            isDelivering = false
            return nil
        }
        let update = outbox.removeFirst()
        // Nothing follows: let go of whatever the observer holds.
        if case .ended = update { self.observer = nil }
        return (observer, update)
    }
}
