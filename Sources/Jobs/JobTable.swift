internal import Generation
internal import Metrics

/// Every live job, and the rules by which they move: queued, then running, then ended. Calls nobody;
/// jobs with something to tell are collected for ``takeReady()``.
///
/// Not thread-safe: the scheduler keeps it under its lock.
struct JobTable {
    private let queueLimit: Int
    private let laneCount: Int
    private let metrics: ServerMetrics
    private let clock: JobClock

    private var queue: [ScheduledJob] = []
    private var running: [ScheduledJob] = []
    private var live: [String: ScheduledJob] = [:]
    private var ready: [ScheduledJob] = []
    private(set) var isStopping = false

    init(queueLimit: Int, laneCount: Int, metrics: ServerMetrics, clock: JobClock) {
        self.queueLimit = queueLimit
        self.laneCount = laneCount
        self.metrics = metrics
        self.clock = clock
    }

    /// Queues a job and tells its plan and place.
    mutating func admit(_ job: ScheduledJob) throws(GenerationError) {
        if isStopping { throw .serverStopping }
        expire()
        let id = job.job.requestID
        guard live[id] == nil else {
            throw GenerationError(
                .alreadyExists, code: "conflictTaskUUID",
                "A job with this taskUUID is in progress: wait for its end, cancel it, or take "
                    + "another taskUUID.", fields: ["taskUUID"])
        }
        guard queue.count < queueLimit else {
            throw GenerationError(
                .resourceExhausted, code: "queueFull",
                "The queue is full: \(queue.count) jobs wait, which is the limit, and "
                    + "\(running.count) run. Try again later.", retryable: true)
        }
        metrics.jobAccepted()
        live[id] = job
        queue.append(job)
        job.remainingSeconds = WorkEstimate(job.job, job.plan).seconds(costs: metrics.costs)
        post(.accepted(job.plan), to: job)
        tellPlaces()
    }

    /// The next job to run, now running; nil when none waits.
    mutating func startNext() -> ScheduledJob? {
        expire()
        guard !queue.isEmpty else { return nil }
        let job = queue.removeFirst()
        job.state = .running
        running.append(job)
        metrics.jobStarted()
        tellPlaces()
        return job
    }

    mutating func report(
        _ contents: [Event.Content], remainingSeconds: Double?, of job: ScheduledJob
    ) {
        job.remainingSeconds = remainingSeconds
        for content in contents { post(content, to: job) }
    }

    /// Ends a queued job at once, has a running one end before its next unit; no-op for an ended one.
    mutating func interrupt(_ job: ScheduledJob, _ reason: GenerationError) {
        switch job.state {
        case .queued: end(job, .failure(reason))
        case .running: job.interruption = job.interruption ?? reason
        case .ended: break
        }
    }

    /// Ends the queued jobs whose deadline has passed: nothing of them is ever run.
    mutating func expire() {
        let now = clock.now()
        // From the back, so that none is told a new place first.
        for job in queue.reversed() where job.deadline.map({ $0 <= now }) ?? false {
            end(job, .failure(.deadlineExceeded))
        }
    }

    mutating func end(_ job: ScheduledJob, _ result: Result<Void, GenerationError>) {
        let place: ServerMetrics.Place = job.state == .queued ? .queued : .running
        job.state = .ended
        queue.removeAll { $0 === job }
        running.removeAll { $0 === job }
        live[job.job.requestID] = nil
        metrics.jobEnded(ServerMetrics.Ending(result), from: place)
        job.postEnd(result)
        ready.append(job)
        tellPlaces()
    }

    /// From here on nothing is admitted. Without draining, every job ends with UNAVAILABLE.
    mutating func stop(drain: Bool) {
        isStopping = true
        guard !drain else { return }
        for job in (running + queue).reversed() { interrupt(job, .serverStopping) }
    }

    /// The jobs with something to tell whose telling falls to the caller.
    mutating func takeReady() -> [ScheduledJob] {
        let claimed = ready.filter { $0.claimDelivery() }
        ready.removeAll()
        return claimed
    }

    /// Tells every queued job its place if that has changed.
    private mutating func tellPlaces() {
        // Nil from the first job on whose cost is unknown.
        var seconds = sum(running.map(\.remainingSeconds))
        for (place, job) in queue.enumerated() {
            let own = job.remainingSeconds
            if job.place != place {
                job.place = place
                let eta = seconds.flatMap { ahead in own.map { ahead / Double(laneCount) + $0 } }
                post(.queued(Event.Queued(place: place, etaSeconds: eta)), to: job)
            }
            seconds = sum([seconds, own])
        }
    }

    private mutating func post(_ content: Event.Content, to job: ScheduledJob) {
        job.post(content, timeMilliseconds: clock.wallMilliseconds())
        ready.append(job)
    }

    private func sum(_ parts: [Double?]) -> Double? {
        parts.reduce(0) { sum, part in sum.flatMap { sum in part.map { sum + $0 } } }
    }
}

extension ServerMetrics.Ending {
    /// A job that the server's stop ends counts as cancelled: it did not fail.
    fileprivate init(_ result: Result<Void, GenerationError>) {
        switch result {
        case .success: self = .finished
        case .failure(let error) where error.status == .cancelled || error == .serverStopping:
            self = .cancelled
        case .failure: self = .failed
        }
    }
}
