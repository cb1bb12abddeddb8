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

    /// What of the accepted jobs is still to be done when stopping.
    enum Draining {
        case nothing, running, all
    }

    let configuration: JobScheduler.Configuration
    let metrics: ServerMetrics
    let clock: JobClock
    /// Whether jobs outlive the process.
    let isDurable: Bool

    /// All that have not ended.
    var live: [JobID: ScheduledJob] = [:]
    var ended = EndedJobs()
    var queue: [ScheduledJob] = []
    var running: [ScheduledJob] = []
    var storingCount = 0
    /// So far.
    private var queuedCount = 0
    var ready: [JobWatcher] = []
    var writes: [Write] = []
    var turns = Turns()
    var budget: MemoryBudget
    var memory = MemoryStatistics()
    /// Sentences for the log.
    var notices: [String] = []
    /// Of all of a tenant's jobs.
    var watchers: [JobWatcher] = []
    /// What each tenant may have; one that is not here has only the server's own limits.
    var tenantLimits: [String: TenantLimits] = [:]
    /// Ends that nobody has been told who hears of all of them.
    var endings: [JobEnding] = []
    var isStopping = false
    var draining = Draining.nothing
    /// What the lanes still do is of no account.
    var isAbandoned = false

    init(
        configuration: JobScheduler.Configuration, isDurable: Bool, metrics: ServerMetrics,
        clock: JobClock
    ) {
        self.configuration = configuration
        self.isDurable = isDurable
        self.metrics = metrics
        self.clock = clock
        budget = configuration.budget
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
        try checkTenantQueue(job.id.tenant)
        live[job.id] = job
        storingCount += 1
        for watcher in watchers where watcher.tenant == job.id.tenant {
            job.feed.add(watcher, after: 0)
        }
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
            metrics.jobRefused(of: job.id.tenant)
            live[job.id] = nil
            forget(job, telling: .failure(.notStored(error)))
            return
        }
        ended.remove(job.id)
        metrics.jobAccepted(of: job.id.tenant)
        job.feed.release(acceptedSequence)
        if let resumption = job.resumption, let ticket = job.plan.resumes {
            let resumed = Event.Resumed(
                imageIndex: 0, step: ticket.step, reason: resumption.reason)
            post(.resumed(resumed), to: job)
        }
        enqueue(job)
        if let interruption = job.interruption { interrupt(job, interruption) }
        if isStopping, !runsQueue { interrupt(job, .serverStopping) }
    }

    /// A job of the store, or one that has just come into it.
    mutating func enqueue(_ job: ScheduledJob) {
        live[job.id] = job
        job.state = .queued
        job.number = queuedCount
        queuedCount += 1
        job.expert = job.plan.expert(ofStep: job.resumption?.checkpoint.step ?? 0)
        job.estimate(job.whole, metrics.costs)
        queue.append(job)
        turns.arrive(job)
        tellPlaces()
    }

    // MARK: Running

    /// Those that are started and not ending.
    var started: [ScheduledJob] { running.filter { $0.state == .running } }

    /// The next job for a lane to advance by one unit; nil when there is none, or when the one whose turn it
    /// is may not be worked on beside those that other lanes have. Then nobody passes it.
    mutating func nextSlice() -> ScheduledJob? {
        expire()
        let waiting = started.filter { !$0.isOnLane }
        let (lanes, others) = (configuration.lanes, running.filter(\.isOnLane))
        // Until its unit is done nothing else may begin, whatever memory there is.
        guard !others.contains(where: { lanes.isAlone($0.needs) }) else { return nil }
        func mayShare(_ job: ScheduledJob) -> Bool { others.isEmpty || !lanes.isAlone(job.needs) }
        // What could only be guessed may have been measured since.
        estimateAnew((queue + waiting).filter { $0.remainingSeconds == nil })
        turns.switchSeconds = metrics.costs.seconds(.expertSwitch) ?? 0
        let first = turns.first(of: waiting)
        if let job = turns.due(of: waiting, before: first) {
            guard mayShare(job) else { return nil }
            turns.pay(job)
            return take(job, isPassing: false)
        }
        if let index = nextToStart(before: first) {
            guard mayShare(queue[index]) else { return nil }
            return take(start(index), isPassing: first != nil)
        }
        guard let first, mayShare(first) else { return nil }
        if waiting.count == 1 { turns.settle() }
        return take(first, isPassing: waiting.count > 1)
    }

    private func take(_ job: ScheduledJob, isPassing: Bool) -> ScheduledJob {
        job.isOnLane = true
        job.isPassing = isPassing
        job.unitBegan = clock.now()
        job.leftSince = job.unitBegan
        return job
    }

    /// The place in the queue of the job whose turn it is to be started, if there is one and it may.
    ///
    /// - Parameter first: who would go on instead.
    private mutating func nextToStart(before first: ScheduledJob?) -> Int? {
        let (started, now) = (started, clock.now())
        guard started.count < configuration.startedMaximum,
            nextInTurn(before: first, now: now) != nil
        else { return nil }
        // By the same measurements for all, so that jobs alike go as they came.
        estimateAnew(queue)
        guard let index = nextInTurn(before: first, now: now),
            mayStart(queue[index], beside: started)
        else { return nil }
        return index
    }

    private mutating func start(_ index: Int) -> ScheduledJob {
        let job = queue.remove(at: index)
        turns.begin(job)
        job.state = .running
        job.countsAs = .running
        job.startedAt = clock.now()
        running.append(job)
        metrics.jobStarted(of: job.id.tenant)
        if isDurable { write(.started(id: job.id)) }
        tellPlaces()
        return job
    }

    func estimateAnew(_ jobs: [ScheduledJob]) {
        for job in jobs { job.estimate(job.left, metrics.costs) }
    }

    /// A lane has done one unit of it.
    mutating func endSlice(_ job: ScheduledJob) {
        let now = clock.now()
        job.isOnLane = false
        if let run = job.activity?.run { job.expert = run.nextPhase.flatMap(job.plan.expert) }
        job.unitSeconds = (now - job.unitBegan).inSeconds
        job.waitsSince = now
        turns.worked(job)
        // Whoever still holds the job does not hold what computed it.
        if job.state == .ending { job.activity = nil }
        // It may have been asked to end meanwhile.
        if let reason = job.interruption { interrupt(job, reason) }
    }

    mutating func report(_ contents: [Event.Content], left: WorkEstimate, of job: ScheduledJob) {
        job.estimate(left, metrics.costs)
        job.leftSince = clock.now()
        for content in contents {
            post(untilDone(content, of: job), to: job)
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

    /// A checkpoint as the store keeps it.
    func stored(
        _ checkpoint: GenerationCheckpoint, _ phase: Phase, _ summary: Event.Summary,
        of job: ScheduledJob
    ) -> StoredCheckpoint {
        StoredCheckpoint(
            generation: checkpoint, phase: phase, fingerprint: job.plan.fingerprint,
            summary: summary, remaining: job.remaining(at: clock.now()))
    }

    /// An image is made; it is told once it is kept. The last one ends the job.
    /// - Parameter next: where the image after it begins, if not at its first step.
    mutating func finish(
        _ image: Event.Image, summary: Event.Summary, next: StoredCheckpoint?,
        of job: ScheduledJob
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
                next: next,
                ending: isLast
                    ? StoredEnding(error: nil, milliseconds: time, isPaused: job.isPaused) : nil),
            .image(job, sequence: sequence, isLast: isLast))
    }

    /// The preview that ends a job as paused is made; from `next` others go on.
    mutating func pause(
        _ image: Event.Image, summary: Event.Summary, next: StoredCheckpoint,
        of job: ScheduledJob
    ) {
        job.isPaused = true
        job.byteCount += next.generation.state.count
        finish(image, summary: summary, next: next, of: job)
    }

    /// A picture that cannot be kept goes to those who wait for it all the same, and the job fails.
    private mutating func didStoreImage(
        of job: ScheduledJob, _ sequence: UInt64, isLast: Bool, _ error: JobStoreError?
    ) {
        job.feed.release(sequence, isKept: error == nil)
        ready += job.feed.watchers
        switch (error, isLast) {
        case (nil, true): didEnd(job, .success(()))
        case (nil, false): break
        case (let error?, true): end(job, .failure(.notKept(error)))
        case (let error?, false): interrupt(job, .notKept(error))
        }
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

    mutating func write(_ change: JobChange, _ effect: Write.Effect = .none) {
        writes.append(Write(change: change, effect: effect))
    }

    /// There is something to take.
    var hasNews: Bool {
        !writes.isEmpty || !ready.isEmpty || !endings.isEmpty || !notices.isEmpty
    }

    mutating func takeWrites() -> [Write] {
        defer { writes = [] }
        return writes
    }
}
