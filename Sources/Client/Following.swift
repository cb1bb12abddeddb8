internal import Generation
internal import Wire

/// How long a server is tried again: one that was lost, or one that refuses a call for now. One that was never
/// reached is not waited for.
struct Patience {
    private static let firstDelay = Duration.milliseconds(100)
    private static let longestDelay = Duration.seconds(5)

    private let reconnectLimit: Duration
    private let retryLimit: Duration
    private var wasReached = false
    /// Nothing has come of the call under way.
    private var isFresh = true
    /// The beginning of the trouble.
    private var since: ContinuousClock.Instant?
    private var delay = firstDelay

    init(reconnect: Duration, retry: Duration) {
        reconnectLimit = reconnect
        retryLimit = retry
    }

    /// The server was heard: the next trouble is a new one.
    mutating func succeeded() {
        wasReached = true
        isFresh = false
        since = nil
        delay = Self.firstDelay
    }

    /// How long to wait before the next try, at least as long as the server asks for.
    ///
    /// - Throws: the error when there is to be none.
    mutating func delay(after error: any Error) throws -> Duration {
        var limit = Duration.zero
        switch error {
        case ClientError.connectionLost, ClientError.silent:
            wasReached = true
            limit = reconnectLimit
        case ClientError.unreachable where wasReached: limit = reconnectLimit
        case let error as GenerationError where error.retryable:
            if error.status == .unavailable, wasReached { limit = reconnectLimit }
            let isForNow = [.resourceExhausted, .unavailable].contains(error.status)
            if isFresh, isForNow { limit = max(limit, retryLimit) }
        default: break
        }
        let now = ContinuousClock.now
        let since = since ?? now
        self.since = since
        let asked = (error as? GenerationError)?.retryAfterMilliseconds ?? 0
        let wait = max(delay, .milliseconds(asked))
        guard now + wait <= since + limit else { throw error }
        delay = min(delay * 2, Self.longestDelay)
        isFresh = true
        return wait
    }
}

/// The calls that bring a job's events, each once: Generate or Watch at first, and after a lost connection
/// Watch from the last event on. Of all jobs what still counts is told again.
struct Following {
    private let first: CallRequest
    private var jobID: String?
    private var sequence: UInt64 = 0
    private let isOfAll: Bool
    /// Leaving the events ends the job.
    private let cancels: Bool
    private var patience: Patience
    private var loss: (any Error)?
    /// The job's last event has been told.
    private(set) var hasEnded = false

    init(_ request: CallRequest, _ patience: Patience) {
        first = request
        self.patience = patience
        switch request {
        case .generate(let request):
            isOfAll = false
            cancels = request.detach != true
        case .watch(let jobID, let sequence):
            self.jobID = jobID
            self.sequence = sequence
            isOfAll = jobID == nil
            cancels = false
        default: preconditionFailure("\(request.method) has no events")
        }
    }

    /// The next call to make.
    var request: CallRequest {
        guard loss != nil, let jobID else { return first }
        return .watch(jobID: jobID, after: sequence)
    }

    /// Whether the event is new.
    mutating func takes(_ event: Event) -> Bool {
        if !isOfAll {
            guard event.sequence > sequence else { return false }
            sequence = event.sequence
            jobID = event.jobID
            if case .image(let image) = event.content { hasEnded = image.summary != nil }
        }
        patience.succeeded()
        return true
    }

    /// How long to wait before the next call.
    ///
    /// - Throws: what ends the events.
    mutating func delay(after error: any Error) throws -> Duration {
        do {
            let delay = try patience.delay(after: error)
            // A call that was refused has lost nothing.
            if !(error is GenerationError) || jobID != nil { loss = error }
            return delay
        } catch let error as GenerationError
            where cancels && [.cancelled, .notFound].contains(error.status)
        {
            guard let loss else { throw error }
            hasEnded = true
            throw ClientError.connectionLost(
                "\(loss). The job ended with its connection (\(error.message)): ask again, or with "
                    + "detach, and it goes on without one")
        }
    }

    /// Whether a good end of a call is the events' end: after a number that the caller knew, nothing more
    /// may have come.
    var mayEnd: Bool {
        if case .watch(_, after: 1...) = first { return true }
        return hasEnded || isOfAll
    }

    /// The job to be cancelled now that the caller has left: one whose own connection, whose end would have
    /// told the server, was lost.
    var abandonedJob: String? { cancels && loss != nil && !hasEnded ? jobID : nil }
}
