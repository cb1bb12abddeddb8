public import Generation
internal import Metrics

// What can be asked about jobs that are there, by name. Replies are given once, on the caller's thread or
// the journal's, and may not block.
extension JobScheduler {
    public typealias Reply<Value> = @Sendable (Result<Value, GenerationError>) -> Void

    /// As ``submit(_:client:deadline:isOwner:observer:)``, for a caller that does not watch: replies once
    /// the job is stored.
    public func submit(
        _ request: GenerationRequest, of tenant: String = "", client: UInt64,
        reply: @escaping Reply<JobDescription>
    ) {
        replyOnceStored(reply, of: tenant) { observer throws(GenerationError) in
            try submit(request, of: tenant, client: client, observer: observer)
        }
    }

    /// Replies with the job that `start` makes or finds, once its watcher is told of it.
    func replyOnceStored(
        _ reply: @escaping Reply<JobDescription>, of tenant: String,
        _ start: (@escaping JobWatcher.Observer) throws(GenerationError) -> JobHandle
    ) {
        let isReplied = Protected(false)
        // It holds the watcher, which holds the observer, which holds this: so it is taken out in the end.
        let handle = Protected<JobHandle?>(nil)
        let letGo: @Sendable () -> Void = { [self] in
            let made = handle.withLock { handle in
                defer { handle = nil }
                return handle
            }
            if let made { leave(made) }
        }
        do throws(GenerationError) {
            let made = try start { [self] update in
                guard
                    isReplied.withLock({ isReplied in
                        defer { isReplied = true }
                        return !isReplied
                    })
                else { return }
                switch update {
                case .event(let event):
                    reply(
                        Result { () throws(GenerationError) in
                            try job(JobID(event.jobID, of: tenant))
                        })
                case .ended(.failure(let error)): reply(.failure(error))
                case .ended(.success): break
                }
                letGo()
            }
            handle.withLock { $0 = made }
            // It may have been told before the handle was there.
            if isReplied.withLock({ $0 }) { letGo() }
        } catch {
            reply(.failure(error))
        }
    }

    /// Tells what still counts of a job after a sequence number, then what comes.
    ///
    /// - Throws: NOT_FOUND.
    public func watch(
        _ id: JobID, after sequence: UInt64, observer: @escaping @Sendable (JobUpdate) -> Void
    ) throws(GenerationError) -> JobHandle {
        let watcher = JobWatcher(jobID: id, observer: observer)
        var live: ScheduledJob?
        try change { table throws(GenerationError) in
            live = table.live[id]
            if let live {
                table.watch(live, watcher, after: sequence)
            } else if table.ended[id] == nil {
                throw .jobNotFound(id)
            }
        }
        if live == nil { tellHistory(to: watcher, after: sequence) }
        return JobHandle(watcher: watcher, job: live)
    }

    /// Tells how all of a tenant's live jobs stand, then whatever comes: images without their files, and each job's end
    /// as an event. It has no end of its own.
    public func watchAll(
        of tenant: String = "", observer: @escaping @Sendable (JobUpdate) -> Void
    ) -> JobHandle {
        let watcher = JobWatcher(allOf: tenant, observer: observer)
        change { $0.watchAll(watcher) }
        return JobHandle(watcher: watcher, job: nil)
    }

    /// Nothing more is told, but for what is being told at this moment.
    public func leave(_ handle: JobHandle) {
        change { table in
            table.remove(handle.watcher)
            if handle.isOwner, let job = handle.job { table.disown(job) }
        }
    }

    /// Whether pictures that are in the store wait there, for a watcher that has no room for them.
    public func setPaused(_ isPaused: Bool, _ handle: JobHandle) {
        change { table in
            handle.watcher.isPaused = isPaused
            table.wake(handle.watcher)
        }
    }

    /// - Throws: NOT_FOUND.
    public func job(_ id: JobID) throws(GenerationError) -> JobDescription {
        guard let job = table.withLock({ $0.description(of: id) }) else { throw .jobNotFound(id) }
        return job
    }

    /// Lists a tenant's jobs, the newest first. Errors: INVALID_ARGUMENT for a page size or token that is none.
    public func list(
        _ filter: JobFilter, of tenant: String = "", reply: @escaping Reply<JobPage>
    ) {
        // There may be thousands to sort: not on the caller's thread.
        journal.read { [self] _ in
            change { $0.expire() }
            let jobs = table.withLock { $0.descriptions(of: tenant) }
            reply(Result { () throws(GenerationError) in try JobPage(jobs, filter) })
        }
    }

    /// Ends a job, or brings it to an early end with a picture; no-op for one that has ended; a paused one
    /// can be discarded. Replies when the store knows of it. Errors: NOT_FOUND, FAILED_PRECONDITION for
    /// SKIP_TO_REFINER without one, and for a picture of a paused job.
    public func cancel(
        _ id: JobID, _ outcome: CancelOutcome, reply: @escaping Reply<JobDescription>
    ) {
        do throws(GenerationError) {
            try change { table throws(GenerationError) in
                if let job = table.live[id] {
                    try table.cancel(job, outcome)
                } else {
                    try table.cancelEnded(id, outcome)
                }
            }
        } catch {
            return reply(.failure(error))
        }
        // After whatever that has given the store to write.
        journal.read { [self] _ in
            reply(Result { () throws(GenerationError) in try job(id) })
        }
    }

    /// Bytes of one answer to ``readImage(_:of:offset:byteCount:reply:)``.
    public static let imageChunkMaximum = 3 << 20

    /// Reads part of a finished image's file.
    ///
    /// Errors: NOT_FOUND; INVALID_ARGUMENT for an offset beyond its end; DATA_LOSS when it is damaged.
    /// - Parameter byteCount: at most; 0 is ``imageChunkMaximum``.
    public func readImage(
        _ index: Int, of id: JobID, offset: Int, byteCount: Int, reply: @escaping Reply<ImageChunk>
    ) {
        guard table.withLock({ $0.description(of: id) }) != nil else {
            return reply(.failure(.jobNotFound(id)))
        }
        journal.readImage(index, of: id) { result in
            reply(
                Result { () throws(GenerationError) in
                    switch result {
                    case .success(let image?): try Self.chunk(of: image, offset, byteCount)
                    case .success(nil): throw .imageNotFound(index, of: id)
                    case .failure(let error): throw .notRead(error)
                    }
                })
        }
    }

    private static func chunk(
        of image: StoredImage, _ offset: Int, _ byteCount: Int
    ) throws(GenerationError) -> ImageChunk {
        guard (0...image.png.count).contains(offset) else {
            throw .invalid(
                "offset", code: "invalidOffset",
                "offset is \(offset), and the file has \(image.png.count) bytes.")
        }
        let wanted = byteCount == 0 ? imageChunkMaximum : min(byteCount, imageChunkMaximum)
        let end = min(image.png.count, offset + wanted)
        return ImageChunk(
            data: Array(image.png[offset..<end]), offset: offset, byteCount: image.png.count,
            sha256: image.facts.sha256)
    }
}
