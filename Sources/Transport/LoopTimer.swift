internal import CLibuv

/// Calls back on the loop's thread after a time, once or again and again.
///
/// ``close()`` it when done with: an open timer keeps itself and its action alive.
public final class LoopTimer: HandleOwner {
    private let handle: Handle
    private var action: (() -> Void)?

    public init(on loop: EventLoop) {
        handle = Handle(UV_TIMER, on: loop)
        // Cannot fail: it only fills in the structure.
        uv_timer_init(loop.pointer, handle.pointer(uv_timer_t.self))
        handle.open(owner: self)
    }

    /// Starts anew; an earlier start is forgotten. After ``close()`` nothing happens.
    /// - Parameter interval: between later calls; nil for a single one.
    public func start(
        after delay: Duration, every interval: Duration? = nil, _ action: @escaping () -> Void
    ) {
        guard !handle.isClosing else { return }
        self.action = action
        uv_timer_start(
            handle.pointer(uv_timer_t.self),
            { timer in Handle.owner(of: timer, as: LoopTimer.self)?.action?() },
            delay.wholeMilliseconds, interval?.wholeMilliseconds ?? 0)
    }

    public func stop() {
        handle.loop.assertCurrent()
        guard !handle.isClosing else { return }
        uv_timer_stop(handle.pointer(uv_timer_t.self))
        action = nil
    }

    public func close() {
        action = nil
        handle.close()
    }

    func loopIsStopping() {}
    func handleDidClose() { action = nil }
}

extension Duration {
    /// Rounded up, so that a timer is never early; negative ones are 0.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (milliseconds, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        let fraction = UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        // libuv adds its own clock to the value.
        return overflow ? UInt64.max / 2 : min(milliseconds + fraction, UInt64.max / 2)
    }
}
