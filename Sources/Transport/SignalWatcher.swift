internal import CLibuv

/// Calls back on the loop's thread when the process gets a signal, such as SIGTERM or SIGINT.
public final class SignalWatcher: HandleOwner {
    private let handle: Handle
    private var action: (() -> Void)?

    /// - Parameter signal: SIGKILL and SIGSTOP cannot be watched and throw.
    public init(
        _ signal: Int32, on loop: EventLoop, action: @escaping () -> Void
    ) throws(TransportError) {
        handle = Handle(UV_SIGNAL, on: loop)
        self.action = action
        let pointer = handle.pointer(uv_signal_t.self)
        try check(uv_signal_init(loop.pointer, pointer), "watch signal \(signal)")
        handle.open(owner: self)
        let code = uv_signal_start(
            pointer,
            { signal, _ in Handle.owner(of: signal, as: SignalWatcher.self)?.action?() }, signal)
        guard code == 0 else {
            handle.close()
            throw TransportError(code: code, doing: "watch signal \(signal)")
        }
    }

    public func close() {
        action = nil
        handle.close()
    }

    func loopIsStopping() {}
    func handleDidClose() { action = nil }
}
