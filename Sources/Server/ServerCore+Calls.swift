internal import Generation
internal import Jobs
internal import Logging
internal import Metrics
internal import Wire

/// A call on its way to its one reply.
struct CallRecord: Sendable {
    let method: Method
    private let begun = ContinuousClock.now

    init(of method: Method) { self.method = method }

    var elapsed: Duration { ContinuousClock.now - begun }
}

// What is counted and logged of calls.
extension ServerCore {
    /// - Parameters:
    ///   - method: nil for one that was refused before that was known.
    ///   - error: nil for a good end.
    ///   - elapsed: nil for a call that streams.
    func callDidEnd(_ method: Method?, with error: GenerationError?, after elapsed: Duration?) {
        jobs.metrics.callEnded(
            method?.rawValue ?? "none", status: (error?.status ?? .ok).name,
            seconds: elapsed.map { $0 / .seconds(1) })
    }

    /// Whoever runs the server wants to hear of closed doors and full queues, but not a thousand times.
    func callWasRefused(
        _ method: Method, of tenant: String, by peer: String, _ error: GenerationError
    ) {
        let isOrdinary = ![.unauthenticated, .resourceExhausted].contains(error.status)
        if isOrdinary || !refusalLines.allows(at: uptime) {
            if !isOrdinary { unloggedRefusalCount += 1 }
            return
        }
        var metadata: Logger.Metadata = [
            "method": "\(method.rawValue)", "peer": "\(peer)", "code": "\(error.code.loggable())",
        ]
        if !tenant.isEmpty { metadata["tenant"] = "\(tenant)" }
        if unloggedRefusalCount > 0 { metadata["unlogged"] = "\(unloggedRefusalCount)" }
        unloggedRefusalCount = 0
        logger.warning("call refused", metadata: metadata)
    }

    /// Only where whoever runs the server has asked for it: prompts are private.
    func logPrompt(of request: GenerationRequest, from tenant: String) {
        guard configuration.logsPrompts else { return }
        func line(_ text: String?) -> String { (text ?? "").loggable(limit: 3000) }
        logger.info(
            "prompt",
            metadata: [
                "id": "\(line(request.requestID))", "tenant": "\(tenant)",
                "positive": "\(line(request.positivePrompt))",
                "negative": "\(line(request.negativePrompt))",
            ])
    }
}

/// Lines of one kind in the log: a few a minute.
struct LineLimit {
    static let perMinute = 20
    private var start = Duration.zero
    private var count = 0

    mutating func allows(at now: Duration) -> Bool {
        if now - start >= .seconds(60) { (start, count) = (now, 0) }
        count += 1
        return count <= Self.perMinute
    }
}

extension StatusCode {
    /// As gRPC writes it, such as `INVALID_ARGUMENT`.
    var name: String {
        "\(self)".reduce(into: "") { name, letter in
            if letter.isUppercase { name += "_" }
            name += letter.uppercased()
        }
    }
}
