internal import Generation

/// Whose turn it is: in the queue, and among the jobs that are started. After each unit of work a lane
/// asks anew.
///
/// **To be started**: the highest priority first, where each minute of waiting counts 1: so nothing waits
/// for ever. Among equals the client that has been served least, by the work of its jobs that were begun,
/// so that no one fills the queue for others; then the least work, then the oldest.
///
/// **Started**: the highest priority first, then the least work left, in seconds as measured here. What is
/// begun is finished before others like it are begun.
///
/// **Overtaking**: a job that waits is started beside one that is started, which is then set aside, when its
/// priority is higher, or when it is no lower (waiting counts) and it has at most half the other's work
/// left. So each job set aside has at least twice the work of the one that passed it, and a short job waits
/// for no more than a unit of a long one's work.
///
/// **Set aside**: together these get a quarter of the time, the one that has waited longest first. So they
/// go on, at the price of a third more time for the job that passed them.
///
/// **Experts**: a job whose next step is at another expert than the step before it, whose weights may be
/// out of the cache, counts what such a switch has been measured to cost on top of its work.
struct Turns {
    static let ageing = Duration.seconds(60)
    /// Of the time that jobs are set aside, the part of theirs.
    static let asideShare = 0.25
    /// The same against that of those which pass them.
    static let asideRatio = asideShare / (1 - asideShare)

    /// Seconds of the jobs begun, of each client that has jobs here.
    private var served: [UInt64: Double] = [:]
    /// Seconds that are due to jobs set aside.
    private var owed = 0.0
    /// The expert of the latest step.
    private(set) var expert: String?
    /// What a switch to another costs, in seconds.
    var switchSeconds = 0.0

    // MARK: The queue

    /// The place in the queue of the job whose turn it is to be started; nil where there is none.
    ///
    /// - Parameter job: the one that would go on instead, and must be overtaken; nil when none would.
    func next(
        in queue: [ScheduledJob], before job: ScheduledJob?, now: Duration
    ) -> Int? {
        queue.indices
            .filter { index in job.map { overtakes(queue[index], $0, now: now) } ?? true }
            .min { precedes(queue[$0], queue[$1], now: now) }
    }

    /// The jobs in the order of their turns, as far as that can be foreseen.
    func order(
        of queue: [ScheduledJob], started: [ScheduledJob], now: Duration
    ) -> [ScheduledJob] {
        var turns = self
        var (rest, passing) = (queue, [ScheduledJob]())
        if !started.isEmpty {
            let first = rest.partition { job in
                started.contains { overtakes(job, $0, now: now) }
            }
            passing = Array(rest[first...])
            rest.removeSubrange(first...)
        }
        var order: [ScheduledJob] = []
        for var group in [passing, rest] {
            while let index = turns.next(in: group, before: nil, now: now) {
                let job = group.remove(at: index)
                turns.begin(job)
                order.append(job)
            }
        }
        return order
    }

    /// A newcomer owes nothing, and is owed nothing for the time before.
    mutating func arrive(_ job: ScheduledJob) {
        if served[job.client] == nil { served[job.client] = served.values.min() ?? 0 }
    }

    mutating func begin(_ job: ScheduledJob) {
        served[job.client, default: 0] += job.work
    }

    /// A client's last job has gone; it comes back as everyone does.
    mutating func forget(_ client: UInt64) { served[client] = nil }

    private func precedes(_ first: ScheduledJob, _ second: ScheduledJob, now: Duration) -> Bool {
        let priorities = (priority(first, now), priority(second, now))
        if priorities.0 != priorities.1 { return priorities.0 > priorities.1 }
        let shares = (served[first.client, default: 0], served[second.client, default: 0])
        if shares.0 != shares.1 { return shares.0 < shares.1 }
        let work = (work(of: first), work(of: second))
        // Equal jobs stay as they came.
        return work.0 != work.1 ? work.0 < work.1 : first.number < second.number
    }

    private func priority(_ job: ScheduledJob, _ now: Duration) -> Int {
        job.job.priority + Int(max(now - job.queuedAt, .zero) / Self.ageing)
    }

    // MARK: Started jobs

    /// Whether a job that waits may be started while `started` is set aside.
    func overtakes(_ job: ScheduledJob, _ started: ScheduledJob, now: Duration) -> Bool {
        if job.job.priority > started.job.priority { return true }
        return priority(job, now) >= started.job.priority
            && work(of: job) <= started.work / 2
    }

    /// Of started jobs that wait for a lane, the one that goes on.
    func first(of waiting: [ScheduledJob]) -> ScheduledJob? {
        waiting.min { goes($0, before: $1) }
    }

    /// Of two started jobs.
    func goes(_ first: ScheduledJob, before second: ScheduledJob) -> Bool {
        let priorities = (first.job.priority, second.job.priority)
        if priorities.0 != priorities.1 { return priorities.0 > priorities.1 }
        let work = (work(of: first), work(of: second))
        return work.0 != work.1 ? work.0 < work.1 : first.number < second.number
    }

    /// The job set aside for longest, if it is due.
    ///
    /// - Parameter first: who goes on otherwise.
    func due(of waiting: [ScheduledJob], before first: ScheduledJob?) -> ScheduledJob? {
        let aside = waiting.filter { $0 !== first }
        guard let job = aside.min(by: { $0.waitsSince < $1.waitsSince }), owed > 0,
            owed >= job.unitSeconds
        else { return nil }
        return job
    }

    /// A lane does a unit of a job that was due.
    mutating func pay(_ job: ScheduledJob) { owed -= job.unitSeconds }

    /// A lane has done a unit of the job.
    mutating func worked(_ job: ScheduledJob) {
        if let expert = job.lastExpert { self.expert = expert }
        if job.isPassing { owed += job.unitSeconds * Self.asideRatio }
    }

    /// Nobody is set aside.
    mutating func settle() { owed = 0 }

    private func work(of job: ScheduledJob) -> Double {
        // Someone waits for its picture.
        if job.cut != nil { return 0 }
        guard let expert, let next = job.expert, next != expert else { return job.work }
        return job.work + switchSeconds
    }
}
