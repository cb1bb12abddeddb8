internal import Transport
internal import Wire

/// One call on its way. Made anywhere, used on the loop's thread.
final class Call {
    let request: CallRequest
    /// How long the server may take; nil for as long as it takes.
    let timeout: Duration?
    /// Where it runs, from its start on.
    private weak var channel: Channel?
    /// Set while it is open on a connection.
    var stream: StreamID?

    let receive: @Sendable (CallReply) -> Void
    private let didEnd: @Sendable ((any Error)?) -> Void
    private var hasEnded = false
    private var silenceTimer: LoopTimer?

    /// - Parameters:
    ///   - receive: gets each message of the reply.
    ///   - didEnd: called once, after the last message, with nil for a good end.
    init(
        _ request: CallRequest, timeout: Duration?,
        receive: @escaping @Sendable (CallReply) -> Void,
        didEnd: @escaping @Sendable ((any Error)?) -> Void
    ) {
        self.request = request
        self.timeout = timeout
        self.receive = receive
        self.didEnd = didEnd
    }

    func start(on channel: Channel) {
        self.channel = channel
        channel.start(self)
    }

    /// Nobody waits for it any more.
    func stop() {
        if !hasEnded { channel?.forget(self) }
    }

    /// Calls `action` unless something is heard within `limit`; to be called again when it was.
    func awaitReply(within limit: Duration, on loop: EventLoop, otherwise: @escaping () -> Void) {
        guard !hasEnded else { return }
        let timer = silenceTimer ?? LoopTimer(on: loop)
        silenceTimer = timer
        timer.start(after: limit, otherwise)
    }

    /// The end, with nil for a good one. The first one counts.
    func end(_ error: (any Error)?) {
        guard !hasEnded else { return }
        hasEnded = true
        silenceTimer?.close()
        silenceTimer = nil
        didEnd(error)
    }
}
