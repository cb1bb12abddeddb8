internal import Generation
internal import Metrics

// Who is told what: attaching to jobs that are there, and delivering.
extension JobScheduler {
    /// Attaches to the job that this request has already made; nil when there is none.
    func attach(
        _ id: String, _ digest: [UInt8], _ observer: @escaping JobWatcher.Observer
    ) throws(GenerationError) -> JobHandle? {
        var handle: JobHandle?
        var endedWatcher: JobWatcher?
        try change { table throws(GenerationError) in
            let watcher = JobWatcher(jobID: id, observer: observer)
            if let job = try table.known(id, digest) {
                handle = JobHandle(watcher: watcher, job: job)
                table.watch(job, watcher, after: 0)
            } else if let ended = table.ended[id], ended.description.state == .finished {
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
        let id = watcher.jobID
        journal.read { store in
            let entries = Self.history(of: id, in: store)
            self.change { table in
                for entry in entries where entry.sequence == 0 || entry.sequence > sequence {
                    watcher.add(entry)
                }
                table.wake(watcher)
            }
        }
    }

    private static func history(of id: String, in store: any JobStore) -> [JobWatcher.Entry] {
        do throws(JobStoreError) {
            guard let history = try store.history(of: id) else {
                return [.update(.ended(.failure(.jobNotFound(id))))]
            }
            let entries = JobFeed.entries(
                of: history.job, isFinished: history.ending.error == nil)
            let end: Result<Void, GenerationError> =
                history.ending.error.map { .failure($0) } ?? .success(())
            return entries + [.update(.ended(end))]
        } catch {
            return [.update(.ended(.failure(.damaged(error.description))))]
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
        journal.read { store in
            let update: JobUpdate
            do throws(JobStoreError) {
                let stored = try store.image(image.facts.index, of: watcher.jobID)
                update =
                    stored.map { .event(image.event(png: $0.png, of: watcher.jobID)) }
                    ?? .ended(.failure(.jobNotFound(watcher.jobID)))
            } catch {
                update = .ended(.failure(.damaged(error.description)))
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
    func known(_ id: String, _ digest: [UInt8]) throws(GenerationError) -> ScheduledJob? {
        guard let job = live[id] else { return nil }
        guard job.digest == digest else { throw .conflict }
        return job
    }
}
