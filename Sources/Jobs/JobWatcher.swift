internal import Generation

/// Someone who is told of a job's updates, and what they are still to be told. What varies is touched
/// under the scheduler's lock only.
final class JobWatcher: @unchecked Sendable {
    typealias Observer = @Sendable (JobUpdate) -> Void

    /// A picture that is to be fetched from the store before it is told.
    struct Kept {
        var facts: StoredImage.Facts
        var imageCount: Int
        var branch: Int?
        var pausedStep: Int?
        /// On the one that completed the job.
        var summary: Event.Summary?

        func event(png: [UInt8], of jobID: JobID) -> Event {
            Event(
                jobID: jobID.name, sequence: facts.sequence,
                timeMilliseconds: facts.timeMilliseconds,
                content: .image(
                    Event.Image(
                        png: png, size: facts.size, seed: facts.seed, sha256: facts.sha256,
                        imageIndex: facts.index, imageCount: imageCount, branch: branch,
                        pausedStep: pausedStep, summary: summary)))
        }
    }

    enum Entry {
        case update(JobUpdate)
        case image(Kept)

        /// 0 for the end, which no one asks for by number.
        var sequence: UInt64 {
            switch self {
            case .update(.event(let event)): event.sequence
            case .update(.ended): 0
            case .image(let image): image.facts.sequence
            }
        }
    }

    enum Next {
        case tell(JobUpdate)
        /// And give up the delivery until ``fetched(_:)``.
        case fetch(Kept)
    }

    /// Whose jobs it hears of.
    let tenant: String
    /// Nil for one of all the tenant's jobs, who gets no files, and each job's end as an event.
    let jobID: JobID?
    let observer: Observer
    private var outbox: [Entry] = []
    private var isDelivering = false
    private var isFetching = false
    private var hasEnded = false
    /// Whether pictures wait in the store until the watcher has room for them.
    var isPaused = false

    init(jobID: JobID, observer: @escaping Observer) {
        tenant = jobID.tenant
        self.jobID = jobID
        self.observer = observer
    }

    init(allOf tenant: String, observer: @escaping Observer) {
        self.tenant = tenant
        jobID = nil
        self.observer = observer
    }

    func add(_ entry: Entry, of jobID: JobID) {
        switch entry {
        case .update(.event(let event)): add(event)
        case .image(let image) where self.jobID == nil: add(image.event(png: [], of: jobID))
        case .update, .image: outbox.append(entry)
        }
    }

    func add(_ event: Event) {
        var event = event
        if jobID == nil, case .image(var image) = event.content {
            image.png = []
            event.content = .image(image)
        }
        outbox.append(.update(.event(event)))
    }

    /// A job's end.
    func add(
        _ result: Result<Void, GenerationError>, _ state: JobState, ending sequence: UInt64,
        of jobID: JobID, at timeMilliseconds: Int64
    ) {
        guard self.jobID == nil else { return outbox.append(.update(.ended(result))) }
        add(
            Event(
                jobID: jobID.name, sequence: sequence, timeMilliseconds: timeMilliseconds,
                content: .ended(Event.Ended(state: state, error: result.error))))
    }

    /// Nothing more is told.
    func stop() {
        hasEnded = true
        outbox = []
    }

    /// True for the one thread that is to call ``takeNext()`` until there is nothing more: so no
    /// observer is ever called by two threads at a time, nor out of order, nor under the lock.
    func claimDelivery() -> Bool {
        guard !isDelivering, hasNext else { return false }
        isDelivering = true
        return true
    }

    private var hasNext: Bool {
        guard !hasEnded, !isFetching, let first = outbox.first else { return false }
        if case .image = first { return !isPaused }
        return true
    }

    /// Nil, and ``Next/fetch(_:)``, give up the delivery.
    func takeNext() -> Next? {
        guard hasNext else {
            isDelivering = false
            return nil
        }
        switch outbox.removeFirst() {
        case .update(let update):
            if case .ended = update { stop() }
            return .tell(update)
        case .image(let image):
            isFetching = true
            isDelivering = false
            return .fetch(image)
        }
    }

    /// In the place of what was to be fetched.
    func fetched(_ update: JobUpdate) {
        isFetching = false
        if !hasEnded { outbox.insert(.update(update), at: 0) }
    }
}
