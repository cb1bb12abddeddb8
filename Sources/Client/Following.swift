internal import Generation
internal import Wire

/// How long a server that was lost is tried again. One that was never reached is not waited for.
struct Patience {
    private static let firstDelay = Duration.milliseconds(100)
    private static let longestDelay = Duration.seconds(5)

    private let limit: Duration
    private var wasReached = false
    private var lostAt: ContinuousClock.Instant?
    private var delay = firstDelay

    init(_ limit: Duration) { self.limit = limit }

    /// The server was heard: the next loss is a new one.
    mutating func succeeded() {
        wasReached = true
        lostAt = nil
        delay = Self.firstDelay
    }

    /// How long to wait before the next try.
    ///
    /// - Throws: the error when there is to be none.
    mutating func delay(after error: any Error) throws -> Duration {
        switch error {
        case ClientError.connectionLost, ClientError.silent: wasReached = true
        case ClientError.unreachable where wasReached: break
        case let error as GenerationError
        where error.status == .unavailable && error.retryable && wasReached:
            break
        default: throw error
        }
        let now = ContinuousClock.now
        let lostAt = lostAt ?? now
        self.lostAt = lostAt
        guard now + delay <= lostAt + limit else { throw error }
        defer { delay = min(delay * 2, Self.longestDelay) }
        return delay
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

    init(_ request: CallRequest, reconnect: Duration) {
        first = request
        patience = Patience(reconnect)
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
            loss = error
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
