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
            guard job.plan.refinerSteps > 0 else { throw .noRefiner }
            // What is to be decoded already stays so.
            job.cut = job.cut ?? .refiner
        }
        if job.state != .ending { write(.cancelRequested(id: job.id, outcome)) }
    }

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

    mutating func didEnd(_ job: ScheduledJob, _ result: Result<Void, GenerationError>) {
        running.removeAll { $0 === job }
        live[job.id] = nil
        if !live.values.contains(where: { $0.client == job.client }) { turns.forget(job.client) }
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

    mutating func forget(
        _ job: ScheduledJob, telling result: Result<Void, GenerationError>
    ) {
        let watchers = job.feed.watchers
        job.feed.end(result, timeMilliseconds: clock.wallMilliseconds())
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
        // Once cut short it stays so.
        isDraining = drain && (isDraining || !isStopping)
        isStopping = true
        guard !drain else { return }
        for job in (running + queue).reversed() { interrupt(job, .serverStopping) }
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
