internal import Generation
internal import Metrics

// Who is told what: attaching to jobs that are there, and delivering.
extension JobScheduler {
    /// Attaches to the job that this request has already made; nil when there is none.
    func attach(
        _ id: JobID, _ digest: [UInt8], isOwner: Bool, _ observer: @escaping JobWatcher.Observer
    ) throws(GenerationError) -> JobHandle? {
        var handle: JobHandle?
        var endedWatcher: JobWatcher?
        try change { table throws(GenerationError) in
            let watcher = JobWatcher(jobID: id, observer: observer)
            if let job = try table.known(id, digest) {
                handle = JobHandle(watcher: watcher, job: job, isOwner: isOwner)
                table.own(job, isOwner)
                table.watch(job, watcher, after: 0)
            } else if let ended = table.ended[id], ended.description.error == nil {
                guard ended.digest == digest else { throw .conflict }
                handle = JobHandle(watcher: watcher, job: nil)
                endedWatcher = watcher
            }
        }
        if let endedWatcher { tellHistory(to: endedWatcher, after: 0) }
        return handle
    }

    /// Brings an ended job's events from the store.
    func tellHistory(to watcher: JobWatcher, after sequence: UInt64) {
        guard let id = watcher.jobID else { return }
        journal.readHistory(of: id) { result in
            let entries = Self.entries(of: id, result)
            self.change { table in
                for entry in entries where entry.sequence == 0 || entry.sequence > sequence {
                    watcher.add(entry, of: id)
                }
                table.wake(watcher)
            }
        }
    }

    private static func entries(
        of id: JobID, _ result: Result<StoredHistory?, JobStoreError>
    ) -> [JobWatcher.Entry] {
        do throws(JobStoreError) {
            guard let history = try result.get() else {
                return [.update(.ended(.failure(.jobNotFound(id))))]
            }
            let entries = JobFeed.entries(of: history.job, ending: history.ending)
            let end: Result<Void, GenerationError> =
                history.ending.error.map { .failure($0) } ?? .success(())
            return entries + [.update(.ended(end))]
        } catch {
            return [.update(.ended(.failure(.notRead(error))))]
        }
    }

    func deliver(to watcher: JobWatcher) {
        while let next = table.withLock({ _ in watcher.takeNext() }) {
            switch next {
            case .tell(let update): watcher.observer(update)
            case .fetch(let image): return fetch(image, for: watcher)
            }
        }
    }

    private func fetch(_ image: JobWatcher.Kept, for watcher: JobWatcher) {
        guard let id = watcher.jobID else {
            preconditionFailure("files are for one job's watchers")
        }
        journal.readImage(image.facts.index, of: id) { result in
            let update: JobUpdate =
                switch result {
                case .success(let stored?): .event(image.event(png: stored.png, of: id))
                case .success(nil): .ended(.failure(.jobNotFound(id)))
                case .failure(let error): .ended(.failure(.notRead(error)))
                }
            self.change { table in
                watcher.fetched(update)
                table.wake(watcher)
            }
        }
    }
}

extension JobTable {
    /// The live job of that id; nil where there is none.
    ///
    /// - Throws: ALREADY_EXISTS when another request made it.
    func known(_ id: JobID, _ digest: [UInt8]) throws(GenerationError) -> ScheduledJob? {
        guard let job = live[id] else { return nil }
        guard job.digest == digest else { throw .conflict }
        return job
    }

    /// One more call has asked for the job; one that does not own it has it go on whoever watches.
    mutating func own(_ job: ScheduledJob, _ isOwner: Bool) {
        job.ownerCount = isOwner ? job.ownerCount.map { $0 + 1 } : nil
    }

    /// A call has let go of it.
    mutating func disown(_ job: ScheduledJob) {
        guard let count = job.ownerCount else { return }
        job.ownerCount = count - 1
        if count == 1 { interrupt(job, .jobCancelled) }
    }
}
