internal import Generation
internal import Transport
internal import Wire

/// A job's events, or all jobs', from one connection after another. Made anywhere, used on the loop's
/// thread: it needs no task to go on.
final class EventFeed {
    private let loop: EventLoop
    private var following: Following
    private let end: ContinuousClock.Instant?
    /// A call's connection.
    private let channel: (CallRequest) -> Channel
    private let tell: (Event) -> Void
    private let didEnd: ((any Error)?) -> Void

    private var call: Call?
    /// Runs between a lost connection and the next.
    private var timer: LoopTimer?
    private var isOver = false

    /// - Parameters:
    ///   - timeout: of all calls together.
    ///   - didEnd: called once, with nil for a good end; not after ``leave()``.
    init(
        _ following: Following, timeout: Duration?, on loop: EventLoop,
        channel: @escaping (CallRequest) -> Channel, tell: @escaping (Event) -> Void,
        didEnd: @escaping ((any Error)?) -> Void
    ) {
        self.loop = loop
        self.following = following
        end = timeout.map { .now + $0 }
        self.channel = channel
        self.tell = tell
        self.didEnd = didEnd
    }

    /// Makes the next call.
    func start() {
        let bound = LoopBound(self, to: loop)
        let call = Call(
            following.request, timeout: end.map { max(.milliseconds(1), $0 - .now) },
            receive: { if case .event(let event) = $0 { bound.value.take(event) } },
            didEnd: { bound.value.callDidEnd($0) })
        self.call = call
        call.start(on: channel(call.request))
    }

    private func take(_ event: Event) {
        if !isOver, following.takes(event) { tell(event) }
    }

    private func callDidEnd(_ error: (any Error)?) {
        call = nil
        guard !isOver else { return }
        if following.hasEnded { return finish(nil) }
        guard let error else {
            return finish(
                following.mayEnd
                    ? nil
                    : ClientError.protocolBroken(
                        "the server has ended the events without the image that completes the job"))
        }
        do {
            let delay = try following.delay(after: error)
            let timer = LoopTimer(on: loop)
            self.timer = timer
            timer.start(after: delay) { [self] in
                stopWaiting()
                start()
            }
        } catch {
            finish(error)
        }
    }

    /// Ends the events; nil for a good end. The first one counts.
    func finish(_ error: (any Error)?) {
        guard !isOver else { return }
        stop()
        didEnd(error)
    }

    /// Nobody listens any more.
    func leave() {
        guard !isOver else { return }
        stop()
        guard let job = following.abandonedJob else { return }
        // Nobody is there to hear of an error either.
        let cancel = Call(
            .cancelJob(job, .discard), timeout: nil, receive: { _ in }, didEnd: { _ in })
        cancel.start(on: channel(cancel.request))
    }

    private func stop() {
        isOver = true
        stopWaiting()
        call?.stop()
        call = nil
    }

    private func stopWaiting() {
        timer?.close()
        timer = nil
    }
}
