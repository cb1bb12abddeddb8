internal import Generation
internal import Metrics

// How jobs end, and what becomes of ended ones.
extension JobTable {
    /// Ends a job, or has its image under way cut short, and has the store remember that.
    ///
    /// - Throws: FAILED_PRECONDITION where there is no refiner to skip to.
    mutating func cancel(
        _ job: ScheduledJob, _ outcome: CancelOutcome
    ) throws(GenerationError) {
        guard job.state != .ending else { return }
        switch outcome {
        case .discard: interrupt(job, .jobCancelled)
        case .decodeNow: job.cut = .decoding
        case .skipToRefiner:
            guard job.job.hasRefiner || job.plan.refinerSteps > 0 else { throw .noRefiner }
            // What is to be decoded already stays so.
            job.cut = job.cut ?? .refiner
        }
        if job.state != .ending { write(.cancelRequested(id: job.id, outcome)) }
    }

    /// Ends a job that no lane has at once, has one that a lane has end before its next unit; no-op for one
    /// that ends.
    mutating func interrupt(_ job: ScheduledJob, _ reason: GenerationError) {
        switch job.state {
        case .queued: end(job, .failure(reason))
        case .running where !job.isOnLane:
            // No lane's any more.
            job.activity = nil
            end(job, .failure(reason))
        case .storing, .running: job.interruption = job.interruption ?? reason
        case .ending: break
        }
    }

    /// Jobs that no lane has, and so nobody looks at.
    private var unwatched: [ScheduledJob] { queue + started.filter { !$0.isOnLane } }

    /// Ends those of them whose deadline has passed: nothing more of them is run.
    mutating func expire() {
        let now = clock.now()
        // From the back, so that none is told a new place first.
        for job in unwatched.reversed() where job.deadline.map({ $0 <= now }) ?? false {
            interrupt(job, .deadlineExceeded)
        }
        prune()
    }

    /// When to look next.
    var nextDeadline: Duration? { unwatched.compactMap(\.deadline).min() }

    /// Told and counted once the store knows of it. A job that only the server's stop ends stays in a
    /// store that lasts, to be gone on with.
    mutating func end(_ job: ScheduledJob, _ result: Result<Void, GenerationError>) {
        job.state = .ending
        job.isOnLane = false
        job.isPaused = false
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

    mutating func didEnd(_ job: ScheduledJob, _ result: Result<Void, GenerationError>) {
        running.removeAll { $0 === job }
        live[job.id] = nil
        if !live.values.contains(where: { $0.client == job.client }) { turns.forget(job.client) }
        var error: GenerationError?
        if case .failure(let failure) = result { error = failure }
        var description = describe(job)
        description.state = job.isPaused ? .paused : JobState(ending: error)
        description.error = error
        description.endedMilliseconds = clock.wallMilliseconds()
        ended.add(
            EndedJob(
                id: job.id, description: description, digest: job.digest, attempt: job.attempt,
                byteCount: job.byteCount))
        count(job, job.isPaused ? .paused : ServerMetrics.Ending(result), description)
        forget(job, telling: result)
        tellPlaces()
    }

    private mutating func count(
        _ job: ScheduledJob, _ ending: ServerMetrics.Ending, _ description: JobDescription
    ) {
        let now = clock.now()
        let (waited, total) = ((job.startedAt ?? now) - job.queuedAt, now - job.queuedAt)
        metrics.jobEnded(ending, from: job.countsAs, of: job.id.tenant)
        metrics.jobTook(waited: waited, total: total)
        endings.append(
            JobEnding(id: job.id, description: description, waited: waited, total: total))
    }

    mutating func forget(
        _ job: ScheduledJob, telling result: Result<Void, GenerationError>
    ) {
        let watchers = job.feed.watchers
        job.feed.end(
            result, isPaused: job.isPaused, timeMilliseconds: clock.wallMilliseconds())
        ready += watchers
    }

    /// Forgets ended jobs that are too old, or too many.
    private mutating func prune() {
        for job in ended.prune(configuration.retention, now: clock.wallMilliseconds()) {
            if job.description.state == .paused {
                metrics.pausedJobDiscarded(of: job.id.tenant)
            }
            write(.removed(id: job.id))
        }
    }

    /// Ends an ended job that is paused for good; no-op for any other.
    ///
    /// - Throws: NOT_FOUND; FAILED_PRECONDITION for an outcome that would need it to run.
    mutating func cancelEnded(_ id: JobID, _ outcome: CancelOutcome) throws(GenerationError) {
        guard var job = ended[id] else { throw .jobNotFound(id) }
        guard job.description.state == .paused else { return }
        guard outcome == .discard else { throw .cannotCutPaused }
        let time = clock.wallMilliseconds()
        metrics.pausedJobDiscarded(of: id.tenant)
        write(.ended(id: id, StoredEnding(error: .jobCancelled, milliseconds: time)))
        job.description.state = .cancelled
        job.description.error = .jobCancelled
        job.description.endedMilliseconds = time
        ended.add(job)
        let told = watchers.filter { $0.tenant == id.tenant }
        for watcher in told {
            watcher.add(
                .failure(.jobCancelled), .cancelled, ending: job.description.sequence + 1, of: id,
                at: time)
        }
        ready += told
    }

    /// From here on nothing is admitted. Without draining, every job ends with UNAVAILABLE.
    mutating func stop(drain: Bool) {
        // Once cut short it stays so.
        draining = drain && (draining == .all || !isStopping) ? .all : .nothing
        isStopping = true
        guard !drain else { return }
        for job in (running + queue).reversed() { interrupt(job, .serverStopping) }
    }

    /// From here on nothing is admitted. What runs goes on; what waits stays in a store that lasts, and
    /// else runs too.
    mutating func drain() {
        guard !isStopping else { return }
        isStopping = true
        draining = .running
        guard !runsQueue else { return }
        for job in queue.reversed() { interrupt(job, .serverStopping) }
    }

    /// Whether lanes still take up what waits.
    var runsQueue: Bool { draining == .all || (draining == .running && !isDurable) }

    /// Nobody waits for the lanes any more: every job ends as at a stop, with its last checkpoint.
    mutating func abandon() {
        stop(drain: false)
        for job in running where job.state != .ending { end(job, .failure(.serverStopping)) }
        isAbandoned = true
    }

    /// Whether those who wait may find what they wait for: a lane its next job or its end, a drain the last end.
    var concernsWaiters: Bool {
        isStopping || live.isEmpty || !queue.isEmpty || started.contains { !$0.isOnLane }
    }

    /// When stopping: there is nothing more to advance, nor will there be.
    var lanesMayEnd: Bool {
        isStopping && queue.isEmpty && storingCount == 0
            && running.allSatisfy { $0.isOnLane || $0.state == .ending }
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
