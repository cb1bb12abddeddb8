public import Generation
internal import Metrics

// Paused jobs are gone on with by jobs of their own.
extension JobScheduler {
    /// Makes a job that goes on from a paused one, which stays as it is. Replies once it is stored.
    ///
    /// Errors: NOT_FOUND; FAILED_PRECONDITION for a job that is not paused, whose model files are others by
    /// now, or for a change that comes too late; ALREADY_EXISTS for the id of another request's job;
    /// DATA_LOSS where what is stored of the paused job is damaged; and what the new request is refused for.
    public func resume(
        _ asked: ResumeRequest, of tenant: String = "", client: UInt64 = 0,
        reply: @escaping Reply<JobDescription>
    ) {
        // Where the paused job can be read.
        journal.read { [self] store in
            replyOnceStored(reply, of: tenant) { observer throws(GenerationError) in
                do throws(GenerationError) {
                    return try resume(asked, of: tenant, client: client, store, observer)
                } catch {
                    metrics.jobRefused(of: tenant)
                    throw error
                }
            }
        }
    }

    private func resume(
        _ asked: ResumeRequest, of tenant: String, client: UInt64, _ store: any JobStore,
        _ observer: @escaping JobWatcher.Observer
    ) throws(GenerationError) -> JobHandle {
        if let name = asked.requestID,
            let handle = try attach(
                JobID(name, of: tenant), PausedJob.digest(of: asked), isOwner: false, observer)
        {
            return handle
        }
        let id = JobID(asked.jobID, of: tenant)
        guard let state = table.withLock({ $0.description(of: id)?.state }) else {
            throw .jobNotFound(id)
        }
        guard state == .paused else { throw .notPaused(id, state) }
        let paused = try PausedJob(id, in: store, pictures: pictures)
        let resumed = try paused.resumed(
            by: asked, generator: generator, limits: configuration.limits)
        try configuration.budget.check(resumed.needs, resumed.plan)
        return try admit(isOwner: false, observer, pictures: paused.files) {
            resumed.scheduled(client: client, attempt: $0, clock: clock)
        }
    }
}
