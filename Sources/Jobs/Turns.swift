internal import Generation

/// Whose turn it is in the queue.
///
/// The highest priority first, where each minute of waiting counts 1: so nothing waits for ever. Among
/// equals the client that has been served least, by the steps of its jobs that were begun, so that no one
/// fills the queue for others; of its jobs, and among clients served alike, the oldest.
struct Turns {
    static let ageing = Duration.seconds(60)

    /// Steps of the jobs begun, of each client that has jobs here.
    private var served: [UInt64: Int] = [:]

    /// The place in the queue of the job whose turn it is; nil where there is none.
    func next(in queue: [ScheduledJob], now: Duration) -> Int? {
        queue.indices.min { precedes(queue[$0], queue[$1], now: now) }
    }

    /// The jobs in the order of their turns, as far as that can be foreseen.
    func order(of queue: [ScheduledJob], now: Duration) -> [ScheduledJob] {
        var turns = self
        var rest = queue
        var order: [ScheduledJob] = []
        while let index = turns.next(in: rest, now: now) {
            let job = rest.remove(at: index)
            turns.begin(job)
            order.append(job)
        }
        return order
    }

    /// A newcomer owes nothing, and is owed nothing for the time before.
    mutating func arrive(_ job: ScheduledJob) {
        if served[job.client] == nil { served[job.client] = served.values.min() ?? 0 }
    }

    mutating func begin(_ job: ScheduledJob) {
        served[job.client, default: 0] += job.stepCount
    }

    /// A client's last job has gone; it comes back as everyone does.
    mutating func forget(_ client: UInt64) { served[client] = nil }

    private func precedes(_ first: ScheduledJob, _ second: ScheduledJob, now: Duration) -> Bool {
        let priorities = (priority(first, now), priority(second, now))
        if priorities.0 != priorities.1 { return priorities.0 > priorities.1 }
        // Equal jobs stay as they came.
        return served[first.client, default: 0] < served[second.client, default: 0]
    }

    private func priority(_ job: ScheduledJob, _ now: Duration) -> Int {
        job.job.priority + Int(max(now - job.queuedAt, .zero) / Self.ageing)
    }
}
