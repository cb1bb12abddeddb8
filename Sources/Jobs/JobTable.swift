internal import Generation
internal import Metrics

/// Every job, and the rules by which they move: stored, queued, running, ended. Calls nobody: what is to
/// be told and written is collected for ``takeReady()`` and ``takeWrites()``, whoever wrote says so with
/// ``didWrite(_:_:)``. So the rules can be tried with a clock, a store and lanes that a test makes up.
///
/// Not thread-safe: the scheduler keeps it under its lock.
struct JobTable {
    /// Something for the store, and what hangs on its answer.
    struct Write {
        enum Effect {
            case none
            case accepted(ScheduledJob, acceptedSequence: UInt64)
            case image(ScheduledJob, sequence: UInt64, isLast: Bool)
            case ended(ScheduledJob, Result<Void, GenerationError>)
        }

        var change: JobChange
        var effect = Effect.none
    }

    let configuration: JobScheduler.Configuration
    let metrics: ServerMetrics
    let clock: JobClock
    /// Whether jobs outlive the process.
    let isDurable: Bool

    /// All that have not ended.
    var live: [String: ScheduledJob] = [:]
    var ended = EndedJobs()
    var queue: [ScheduledJob] = []
    var running: [ScheduledJob] = []
    private var storingCount = 0
    private var ready: [JobWatcher] = []
    private var writes: [Write] = []
    private(set) var isStopping = false
    private var isDraining = false

    init(
        configuration: JobScheduler.Configuration, isDurable: Bool, metrics: ServerMetrics,
        clock: JobClock
    ) {
        self.configuration = configuration
        self.isDurable = isDurable
        self.metrics = metrics
        self.clock = clock
    }

    // MARK: Coming in

    /// Gives a job to the store; once it is there, it is queued and its watchers are told.
    mutating func admit(
        _ job: ScheduledJob, pictures: [StoredPicture]
    ) throws(GenerationError) {
        if isStopping { throw .serverStopping }
        expire()
        precondition(live[job.id] == nil, "whoever submits has looked for the id")
        guard queue.count + storingCount < configuration.queueLimit else {
            throw GenerationError(
                .resourceExhausted, code: "queueFull",
                "The queue is full: \(queue.count + storingCount) jobs wait, which is the limit, and "
                    + "\(running.count) run. Try again later.", retryable: true)
        }
        live[job.id] = job
        storingCount += 1
        let sequence = job.feed.hold(
            .accepted(job.plan), timeMilliseconds: clock.wallMilliseconds())
        write(
            .accepted(
                job.stored(acceptedSequence: sequence, now: clock.now()), pictures: pictures),
            .accepted(job, acceptedSequence: sequence))
    }

    private mutating func didStore(
        _ job: ScheduledJob, _ acceptedSequence: UInt64, _ error: JobStoreError?
    ) {
        storingCount -= 1
        if let error {
            metrics.jobRefused()
            live[job.id] = nil
            forget(job, telling: .failure(.notStored(error)))
            return
        }
        ended.remove(job.id)
        metrics.jobAccepted()
        job.feed.release(acceptedSequence)
        enqueue(job)
        if let interruption = job.interruption { interrupt(job, interruption) }
        if isStopping, !isDraining { interrupt(job, .serverStopping) }
    }

    /// A job of the store, or one that has just come into it.
    mutating func enqueue(_ job: ScheduledJob) {
        live[job.id] = job
        job.state = .queued
        queue.append(job)
        job.remainingSeconds = WorkEstimate(job.job, job.plan).seconds(costs: metrics.costs)
        tellPlaces()
    }

    // MARK: Running

    /// The next job for a lane to advance by one unit; nil when there is none.
    mutating func nextSlice() -> ScheduledJob? {
        expire()
        if let job = running.first(where: { !$0.isOnLane && $0.state == .running }) {
            job.isOnLane = true
            return job
        }
        guard running.count(where: { $0.state == .running }) < configuration.laneCount,
            !queue.isEmpty
        else { return nil }
        let job = queue.removeFirst()
        job.state = .running
        job.countsAs = .running
        job.isOnLane = true
        running.append(job)
        metrics.jobStarted()
        if isDurable { write(.started(id: job.id)) }
        tellPlaces()
        return job
    }

    mutating func endSlice(_ job: ScheduledJob) { job.isOnLane = false }

    mutating func report(
        _ contents: [Event.Content], remainingSeconds: Double?, of job: ScheduledJob
    ) {
        job.remainingSeconds = remainingSeconds
        for content in contents {
            post(content, to: job)
            guard case .handedOff(let handedOff) = content else { continue }
            write(
                .handedOff(
                    id: job.id,
                    StoredHandoff(
                        imageIndex: handedOff.imageIndex, sequence: job.feed.sequence,
                        timeMilliseconds: clock.wallMilliseconds(),
                        latentsSHA256: handedOff.latentsSHA256)))
        }
    }

    mutating func save(
        _ checkpoint: GenerationCheckpoint, phase: Phase, summary: Event.Summary,
        of job: ScheduledJob
    ) {
        write(
            .checkpoint(
                id: job.id,
                StoredCheckpoint(
                    generation: checkpoint, phase: phase, fingerprint: job.plan.fingerprint,
                    summary: summary, remaining: job.remaining(at: clock.now()))))
    }

    /// An image is made; it is told once it is kept. The last one ends the job.
    mutating func finish(
        _ image: Event.Image, summary: Event.Summary, of job: ScheduledJob
    ) {
        let time = clock.wallMilliseconds()
        let isLast = image.summary != nil
        let sequence = job.feed.hold(.image(image), timeMilliseconds: time)
        job.byteCount += image.png.count
        if isLast { job.state = .ending }
        let facts = StoredImage.Facts(
            index: image.imageIndex, sequence: sequence, timeMilliseconds: time, size: image.size,
            seed: image.seed, byteCount: image.png.count, sha256: image.sha256)
        write(
            .image(
                id: job.id, StoredImage(facts: facts, png: image.png), summary: summary,
                ending: isLast ? StoredEnding(error: nil, milliseconds: time) : nil),
            .image(job, sequence: sequence, isLast: isLast))
    }

    /// A picture that cannot be kept goes to those who wait for it all the same, and the job fails.
    private mutating func didStoreImage(
        of job: ScheduledJob, _ sequence: UInt64, isLast: Bool, _ error: JobStoreError?
    ) {
        job.feed.release(sequence)
        ready += job.feed.watchers
        switch (error, isLast) {
        case (nil, true): didEnd(job, .success(()))
        case (nil, false): break
        case (let error?, true): end(job, .failure(.notKept(error)))
        case (let error?, false): interrupt(job, .notKept(error))
        }
    }

    // MARK: Ending

    /// Ends a queued job at once, has a running one end before its next unit; no-op for one that ends.
    mutating func interrupt(_ job: ScheduledJob, _ reason: GenerationError) {
        switch job.state {
        case .queued: end(job, .failure(reason))
        case .storing, .running: job.interruption = job.interruption ?? reason
        case .ending: break
        }
    }

    /// Ends the queued jobs whose deadline has passed: nothing of them is ever run.
    mutating func expire() {
        let now = clock.now()
        // From the back, so that none is told a new place first.
        for job in queue.reversed() where job.deadline.map({ $0 <= now }) ?? false {
            end(job, .failure(.deadlineExceeded))
        }
        prune()
    }

    /// Told and counted once the store knows of it. A job that only the server's stop ends stays in a
    /// store that lasts, to be gone on with.
    mutating func end(_ job: ScheduledJob, _ result: Result<Void, GenerationError>) {
        job.state = .ending
        job.isOnLane = false
        queue.removeAll { $0 === job }
        if case .failure(.serverStopping) = result, isDurable {
            write(
                .suspended(id: job.id, remaining: job.remaining(at: clock.now())),
                .ended(job, .failure(.serverSuspending)))
        } else {
            var error: GenerationError?
            if case .failure(let failure) = result { error = failure }
            write(
                .ended(
                    id: job.id,
                    StoredEnding(error: error, milliseconds: clock.wallMilliseconds())),
                .ended(job, result))
        }
        tellPlaces()
    }

    private mutating func didEnd(_ job: ScheduledJob, _ result: Result<Void, GenerationError>) {
        running.removeAll { $0 === job }
        live[job.id] = nil
        metrics.jobEnded(ServerMetrics.Ending(result), from: job.countsAs)
        var error: GenerationError?
        if case .failure(let failure) = result { error = failure }
        var description = describe(job)
        description.state = JobState(ending: error)
        description.error = error
        description.endedMilliseconds = clock.wallMilliseconds()
        ended.add(
            EndedJob(
                description: description, digest: job.digest, attempt: job.attempt,
                byteCount: job.byteCount))
        forget(job, telling: result)
        tellPlaces()
    }

    private mutating func forget(
        _ job: ScheduledJob, telling result: Result<Void, GenerationError>
    ) {
        let watchers = job.feed.watchers
        job.feed.end(result)
        ready += watchers
    }

    /// Forgets ended jobs that are too old, or too many.
    private mutating func prune() {
        for id in ended.prune(configuration.retention, now: clock.wallMilliseconds()) {
            write(.removed(id: id))
        }
    }

    /// From here on nothing is admitted. Without draining, every job ends with UNAVAILABLE.
    mutating func stop(drain: Bool) {
        isStopping = true
        isDraining = drain
        guard !drain else { return }
        for job in (running + queue).reversed() { interrupt(job, .serverStopping) }
    }

    /// When stopping: there is nothing more to advance, nor will there be.
    var lanesMayEnd: Bool {
        isStopping && queue.isEmpty && storingCount == 0
            && running.allSatisfy { $0.isOnLane || $0.state == .ending }
    }

    // MARK: The store

    mutating func didWrite(_ effect: Write.Effect, _ error: JobStoreError?) {
        switch effect {
        case .none: break
        case .accepted(let job, let sequence): didStore(job, sequence, error)
        case .image(let job, let sequence, let isLast):
            didStoreImage(of: job, sequence, isLast: isLast, error)
        // Whoever waits is told all the same; the journal tries again to write it.
        case .ended(let job, let result): didEnd(job, result)
        }
    }

    private mutating func write(_ change: JobChange, _ effect: Write.Effect = .none) {
        writes.append(Write(change: change, effect: effect))
    }

    /// There is something to take.
    var hasNews: Bool { !writes.isEmpty || !ready.isEmpty }

    mutating func takeWrites() -> [Write] {
        defer { writes = [] }
        return writes
    }

    // MARK: Watchers

    mutating func watch(_ job: ScheduledJob, _ watcher: JobWatcher, after sequence: UInt64) {
        job.feed.add(watcher, after: sequence)
        ready.append(watcher)
    }

    /// Someone has been given something to hear.
    mutating func wake(_ watcher: JobWatcher) { ready.append(watcher) }

    /// The watchers with something to hear whose telling falls to the caller.
    mutating func takeReady() -> [JobWatcher] {
        let claimed = ready.filter { $0.claimDelivery() }
        ready.removeAll()
        return claimed
    }

    mutating func post(_ content: Event.Content, to job: ScheduledJob) {
        job.feed.post(content, timeMilliseconds: clock.wallMilliseconds())
        ready += job.feed.watchers
    }

    /// Tells every queued job its place if that has changed.
    private mutating func tellPlaces() {
        // Nil from the first job on whose cost is unknown.
        var seconds = sum(running.map(\.remainingSeconds))
        for (place, job) in queue.enumerated() {
            let own = job.remainingSeconds
            if job.place != place {
                job.place = place
                let laneCount = Double(configuration.laneCount)
                let eta = seconds.flatMap { ahead in own.map { ahead / laneCount + $0 } }
                post(.queued(Event.Queued(place: place, etaSeconds: eta)), to: job)
            }
            seconds = sum([seconds, own])
        }
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
        case .failure(let error)
        where error.status == .cancelled || error == .serverStopping || error == .serverSuspending:
            self = .cancelled
        case .failure: self = .failed
        }
    }
}
