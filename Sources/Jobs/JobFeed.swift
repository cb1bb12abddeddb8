internal import Generation

/// What a job tells, and whom. Under the scheduler's lock.
///
/// An event whose truth depends on the store (a picture is kept, a job is accepted) is held back until
/// that has answered, and later ones wait behind it. A watcher that comes late is told what still
/// counts: the plan, the handoffs, the pictures, and the latest of what replaces itself.
///
/// Sequence numbers grow over the whole life of a job, with room between them
/// (``Event/sequenceStride``): each start of the server begins a new block of 2^32 of them.
struct JobFeed {
    private struct Held {
        var event: Event
        var image: JobWatcher.Kept?
        var isReleased: Bool
    }

    private let jobID: JobID
    private(set) var sequence: UInt64
    private(set) var watchers: [JobWatcher] = []
    private var held: [Held] = []
    private var kept: [JobWatcher.Entry] = []
    /// Without a preview.
    private var latest: Event?
    /// The latest of the image under way.
    private var preview: (content: Event.Progress.Preview, imageIndex: Int)?

    /// The latest, of the job as it is now.
    var progress: Event.Progress? {
        if case .progress(let progress)? = latest?.content { progress } else { nil }
    }

    static func firstSequence(of attempt: Int) -> UInt64 {
        UInt64(attempt) << 32 + Event.sequenceStride
    }

    init(jobID: JobID, attempt: Int) {
        self.jobID = jobID
        sequence = Self.firstSequence(of: attempt) - Event.sequenceStride
    }

    // MARK: Telling

    mutating func post(_ content: Event.Content, timeMilliseconds: Int64) {
        add(Held(event: next(content, timeMilliseconds), image: nil, isReleased: true))
    }

    /// Held back until ``release(_:)`` is called with the event's sequence number, which is returned.
    mutating func hold(_ content: Event.Content, timeMilliseconds: Int64) -> UInt64 {
        let event = next(content, timeMilliseconds)
        var kept: JobWatcher.Kept?
        if case .image(let image) = content {
            let facts = StoredImage.Facts(
                index: image.imageIndex, sequence: event.sequence,
                timeMilliseconds: timeMilliseconds, size: image.size, seed: image.seed,
                byteCount: image.png.count, sha256: image.sha256)
            kept = JobWatcher.Kept(
                facts: facts, imageCount: image.imageCount, branch: image.branch,
                pausedStep: image.pausedStep, summary: image.summary)
        }
        add(Held(event: event, image: kept, isReleased: false))
        return event.sequence
    }

    /// - Parameter isKept: if not, only those who watch now are told.
    mutating func release(_ sequence: UInt64, isKept: Bool = true) {
        guard let index = held.firstIndex(where: { $0.event.sequence == sequence }) else { return }
        if !isKept { held[index].image = nil }
        held[index].isReleased = true
        tellReleased()
    }

    /// The end, after which nothing is told: what is still held back has not come true.
    mutating func end(
        _ result: Result<Void, GenerationError>, isPaused: Bool, timeMilliseconds time: Int64
    ) {
        held = []
        let state = isPaused ? .paused : JobState(ending: result.error)
        for watcher in watchers {
            watcher.add(result, state, ending: sequence + 1, of: jobID, at: time)
        }
        watchers = []
    }

    private mutating func next(_ content: Event.Content, _ timeMilliseconds: Int64) -> Event {
        sequence += Event.sequenceStride
        return Event(
            jobID: jobID.name, sequence: sequence, timeMilliseconds: timeMilliseconds,
            content: content)
    }

    private mutating func add(_ event: Held) {
        held.append(event)
        tellReleased()
    }

    private mutating func tellReleased() {
        let count = held.firstIndex { !$0.isReleased } ?? held.count
        for item in held.prefix(count) {
            keep(item)
            for watcher in watchers { watcher.add(item.event) }
        }
        held.removeFirst(count)
    }

    private mutating func keep(_ item: Held) {
        switch item.event.content {
        case .queued: latest = item.event
        case .progress(var progress):
            if let content = progress.preview { preview = (content, progress.imageIndex) }
            progress.preview = nil
            latest = item.event
            latest?.content = .progress(progress)
        case .image:
            if let image = item.image { kept.append(.image(image)) }
        case .ended: preconditionFailure("the end is told by end(_:)")
        case .accepted, .handedOff, .resumed: kept.append(.update(.event(item.event)))
        }
    }

    // MARK: Watching

    /// Tells a new watcher what still counts after `sequence`, then whatever comes.
    mutating func add(_ watcher: JobWatcher, after sequence: UInt64) {
        let current = current.map { [JobWatcher.Entry.update(.event($0))] } ?? []
        for entry in (kept + current).sorted(by: { $0.sequence < $1.sequence })
        where entry.sequence > sequence {
            watcher.add(entry, of: jobID)
        }
        watchers.append(watcher)
    }

    /// The latest, with the latest preview of the same image.
    private var current: Event? {
        guard var event = latest, case .progress(var progress) = event.content else {
            return latest
        }
        progress.preview = preview.flatMap {
            $0.imageIndex == progress.imageIndex ? $0.content : nil
        }
        event.content = .progress(progress)
        return event
    }

    mutating func remove(_ watcher: JobWatcher) {
        watchers.removeAll { $0 === watcher }
    }

    // MARK: From the store

    /// Takes over what the job told before this start of the server.
    mutating func keep(_ job: StoredJob) { kept = Self.entries(of: job, ending: nil) }

    /// - Parameter ending: of a job that has ended.
    static func entries(of job: StoredJob, ending: StoredEnding?) -> [JobWatcher.Entry] {
        func entry(
            _ content: Event.Content, _ sequence: UInt64, _ time: Int64
        ) -> JobWatcher.Entry {
            let event = Event(
                jobID: job.id.name, sequence: sequence, timeMilliseconds: time, content: content)
            return .update(.event(event))
        }
        var entries = [entry(.accepted(job.plan), job.acceptedSequence, job.createdMilliseconds)]
        entries += job.handoffs.compactMap { stored in
            guard let handoff = job.plan.ending(ofImage: stored.imageIndex).handoff else {
                return nil
            }
            let handedOff = Event.HandedOff(
                imageIndex: stored.imageIndex, handoff: handoff,
                latentsSHA256: stored.latentsSHA256,
                branch: job.plan.branch(ofImage: stored.imageIndex))
            return entry(.handedOff(handedOff), stored.sequence, stored.timeMilliseconds)
        }
        entries += job.images.map { facts in
            let isLast =
                ending != nil && ending?.error == nil && facts.index == job.images.last?.index
            return .image(
                JobWatcher.Kept(
                    facts: facts, imageCount: job.plan.imageCount,
                    branch: job.plan.branch(ofImage: facts.index),
                    pausedStep: ending?.isPaused == true ? job.plan.pauseStep : nil,
                    summary: isLast ? job.summary : nil))
        }
        return entries.sorted { $0.sequence < $1.sequence }
    }
}
