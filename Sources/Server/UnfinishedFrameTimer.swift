internal import Transport
internal import Wire

/// Cuts a connection whose peer begins a frame and does not finish it. Made when a frame first
/// arrives in pieces: most connections never need one.
final class UnfinishedFrameTimer {
    private let timer: LoopTimer
    /// What the timer runs for; nil while it does not run.
    private var part: FrameDecoder.Unfinished?

    init(on loop: EventLoop) {
        timer = LoopTimer(on: loop)
    }

    /// To be called after each piece that arrived. More bytes win no time; only another part does.
    func update(
        _ part: FrameDecoder.Unfinished?, timeout: Duration, action: @escaping () -> Void
    ) {
        guard part != self.part else { return }
        self.part = part
        if part == nil { timer.stop() } else { timer.start(after: timeout, action) }
    }

    func close() { timer.close() }
}
