internal import Generation
internal import Metrics

// Who is told what.
extension JobTable {
    mutating func watch(_ job: ScheduledJob, _ watcher: JobWatcher, after sequence: UInt64) {
        job.feed.add(watcher, after: sequence)
        ready.append(watcher)
    }

    /// Tells a watcher of all a tenant's jobs how they stand, then whatever comes.
    mutating func watchAll(_ watcher: JobWatcher) {
        watchers.append(watcher)
        for job in live.values where job.id.tenant == watcher.tenant {
            watch(job, watcher, after: 0)
        }
    }

    mutating func remove(_ watcher: JobWatcher) {
        watcher.stop()
        watchers.removeAll { $0 === watcher }
        for job in live.values where watcher.jobID == nil || watcher.jobID == job.id {
            job.feed.remove(watcher)
        }
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
    mutating func tellPlaces() {
        // Nil from the first job on whose cost is unknown.
        var seconds = sum(running.map(\.remainingSeconds))
        for (place, job) in turns.order(of: queue, now: clock.now()).enumerated() {
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
