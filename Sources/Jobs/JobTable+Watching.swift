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

    /// Tells a job's latest progress again, with a preview that has become ready; nothing where the job is past
    /// what the preview shows.
    mutating func show(_ preview: Event.Progress.Preview, of order: PreviewOrder) {
        let job = order.job
        guard job.state == .running, var progress = job.feed.progress,
            progress.imageIndex == order.imageIndex,
            progress.phase != .decoding || progress.phaseStep == 0
        else { return }
        progress.preview = preview
        post(.progress(progress), to: job)
    }

    /// Tells every queued job its place if that has changed.
    mutating func tellPlaces() {
        let now = clock.now()
        let started = started
        estimateAnew(queue)
        let order = turns.order(of: queue, started: started, now: now)
        // Nil from the first job on whose cost is unknown.
        var before: Double? = 0
        for (place, job) in order.enumerated() {
            var ahead = started
            let aside = ahead.partition { turns.overtakes(job, $0, now: now) }
            job.doneAt = done(
                job, after: sum([before, left(ahead[..<aside], now)]),
                passing: left(ahead[aside...], now), now
            ).map { now + .seconds($0) }
            before = sum([before, left([job], now)])
            guard job.place != place else { continue }
            job.place = place
            let eta = job.doneAt.map { ($0 - now).inSeconds }
            post(.queued(Event.Queued(place: place, etaSeconds: eta)), to: job)
        }
    }

    /// With the time until the job is done.
    mutating func untilDone(_ content: Event.Content, of job: ScheduledJob) -> Event.Content {
        guard case .progress(var progress) = content else { return content }
        progress.etaSeconds = untilDone(job)
        return .progress(progress)
    }

    /// Of a started job; of others only where more are started than there are lanes.
    func untilDone(_ job: ScheduledJob) -> Double? {
        let now = clock.now()
        var others = started.filter { $0 !== job }
        let width = (others + [job]).map { configuration.lanes.width($0.needs) }.min() ?? 1
        guard others.count >= width else { return job.remainingSeconds(at: now) }
        let aside = others.partition { !turns.goes($0, before: job) }
        return done(
            job, after: left(others[..<aside], now), passing: left(others[aside...], now), now)
    }

    /// Seconds until a job is done: its own work, and a lane's share of the work that goes before it, and of
    /// what those that they pass get meanwhile.
    private func done(
        _ job: ScheduledJob, after ahead: Double?, passing aside: Double?, _ now: Duration
    ) -> Double? {
        let own = sum([ahead, job.remainingSeconds(at: now)])
        return sum([
            own, own.flatMap { own in aside.map { min(own * Turns.asideRatio, $0) } },
        ])
    }

    /// What the lanes take for the jobs, of which they do as many at once as they may.
    private func left(_ jobs: some Sequence<ScheduledJob>, _ now: Duration) -> Double? {
        sum(
            jobs.map { job in
                let width = Double(configuration.lanes.width(job.needs))
                return job.remainingSeconds(at: now).map { $0 / width }
            })
    }

    private func sum(_ parts: [Double?]) -> Double? {
        parts.reduce(0) { sum, part in sum.flatMap { sum in part.map { sum + $0 } } }
    }
}
