internal import CLibuv
internal import Glibc

/// Receives what happens on a ``Connection``, on its loop's thread.
public protocol ConnectionHandler: AnyObject {
    /// Bytes from the peer, valid during the call only.
    func connection(_ connection: Connection, received bytes: RawSpan)
    /// The peer will send no more; it may still read. At most once.
    func connectionReachedEnd(_ connection: Connection)
    /// After the queue had grown over the high watermark, it has fallen to the low one.
    func connectionBecameWritable(_ connection: Connection)
    /// The last call, exactly once, never from inside a call of ours.
    func connection(_ connection: Connection, closedBy reason: Connection.CloseReason)
}

/// A stream of bytes to a peer, over TCP or a Unix socket. Lives on its loop's thread.
public final class Connection: HandleOwner {
    public struct Options: Sendable {
        /// Above this many queued bytes ``Connection/isWritable`` is false ...
        public var highWatermark = 1 << 20
        /// ... until no more than this many are left.
        public var lowWatermark = 256 << 10
        /// After this long without traffic the kernel asks whether a TCP peer still lives.
        public var keepAliveDelay = Duration.seconds(60)
        /// A peer that takes nothing for this long while bytes wait for it is given up: over TCP by
        /// the kernel (without an acknowledgement, or with a closed window), over a Unix socket, where
        /// the kernel knows no such limit, by us.
        public var unacknowledgedTimeout = Duration.seconds(30)
        /// How long ``Connection/close()`` waits for queued bytes to leave.
        public var closeTimeout = Duration.seconds(5)

        public init() {}
    }

    public enum CloseReason: Equatable, Sendable {
        /// Our ``Connection/close()`` or ``Connection/abort()``.
        case local
        /// The peer had ended its side first, or went away without the usual goodbye.
        case peer
        case reset
        case failed(TransportError)
        /// The event loop was stopped.
        case stopped
    }

    public let loop: EventLoop
    /// Who is at the other end, for logs: `127.0.0.1:40312`, or `unix`.
    public private(set) var peer = "unix"

    let handle: Handle
    private let isTCP: Bool
    private let options: Options
    private var handler: (any ConnectionHandler)?
    private var state = State.new
    private var reachedEnd = false
    private var isOverHighWatermark = false
    private var closeTimer: LoopTimer?
    /// Runs while bytes wait for a peer at a Unix socket.
    private var stallTimer: LoopTimer?
    /// Given to libuv to be queued, since the start.
    private var submittedByteCount = 0
    /// Called once as the socket is closed, for whoever counts them: before the handler is told, since
    /// the peer and the system know of it at once, and the next peer may already be there.
    var onClose: (() -> Void)?

    private enum State: Equatable {
        /// Not yet given to a handler.
        case new
        case open
        /// Queued bytes are leaving; what arrives is thrown away.
        case flushing
        case closing(CloseReason)
    }

    /// A socket not yet connected.
    init(isTCP: Bool, on loop: EventLoop, options: Options) throws(TransportError) {
        self.loop = loop
        self.isTCP = isTCP
        self.options = options
        handle = Handle(isTCP ? UV_TCP : UV_NAMED_PIPE, on: loop)
        let code =
            isTCP
            ? uv_tcp_init(loop.pointer, handle.pointer(uv_tcp_t.self))
            : uv_pipe_init(loop.pointer, handle.pointer(uv_pipe_t.self), 0)
        try check(code, "create a socket")
        handle.open(owner: self)
    }

    var stream: UnsafeMutablePointer<uv_stream_t> { handle.pointer(uv_stream_t.self) }

    /// Once the socket is connected: sets its options and learns the peer's name.
    func didConnect() {
        guard isTCP else { return }
        let tcp = handle.pointer(uv_tcp_t.self)
        // Each is a refinement: a system that refuses one still has a working connection.
        uv_tcp_nodelay(tcp, 1)
        uv_tcp_keepalive(tcp, 1, UInt32(clamping: options.keepAliveDelay.components.seconds))
        var descriptor: Int32 = -1
        if uv_fileno(handle.pointer(uv_handle_t.self), &descriptor) == 0 {
            var timeout = UInt32(clamping: options.unacknowledgedTimeout.wholeMilliseconds)
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &timeout,
                socklen_t(MemoryLayout<UInt32>.size))
        }
        peer = SocketAddress({ uv_tcp_getpeername(tcp, $0, $1) })?.description ?? "unknown"
    }

    // MARK: Reading

    /// Hands the connection to its owner and begins to read. Once.
    public func start(_ handler: some ConnectionHandler) {
        loop.assertCurrent()
        precondition(self.handler == nil, "a connection is started once")
        self.handler = handler
        guard state == .new else { return }
        state = .open
        resumeReading()
    }

    /// Leaves what the peer sends in the kernel, until the peer has to wait.
    public func pauseReading() {
        loop.assertCurrent()
        if state == .open { uv_read_stop(stream) }
    }

    public func resumeReading() {
        loop.assertCurrent()
        guard state == .open, !reachedEnd else { return }
        let code = uv_read_start(
            stream,
            { handle, _, buffer in
                guard let connection = Handle.owner(of: handle, as: Connection.self) else { return }
                let lent = connection.loop.readBuffer
                buffer?.pointee = uv_buf_init(lent.baseAddress, UInt32(lent.count))
            },
            { handle, count, _ in
                Handle.owner(of: handle, as: Connection.self)?.didRead(count)
            })
        // Starting twice is no error of ours.
        if code != 0, code != UV_EALREADY.rawValue { fail(code, "read from \(peer)") }
    }

    private func didRead(_ count: Int) {
        if count > 0 {
            guard state == .open else { return }
            let bytes = UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count])
            handler?.connection(self, received: bytes.bytes)
        } else if count == Int(UV_EOF.rawValue) {
            reachedEnd = true
            if state == .open { handler?.connectionReachedEnd(self) }
        } else if count < 0 {
            fail(Int32(count), "read from \(peer)")
        }
    }

    // MARK: Writing

    /// Bytes the kernel has not taken yet.
    public var queuedByteCount: Int {
        loop.assertCurrent()
        return uv_stream_get_write_queue_size(stream)
    }

    /// False from the moment the queue is over the high watermark until it is at the low one.
    /// Writing stays allowed: it is the owner's promise not to.
    public var isWritable: Bool { state == .open && !isOverHighWatermark }

    /// Sends the bytes after all sent before. After ``close()`` or a failure they are dropped.
    public func write(_ bytes: [UInt8]) {
        loop.assertCurrent()
        guard state == .open, !bytes.isEmpty else { return }
        // Most messages fit into the kernel's buffer: no copy, no request.
        var sent = 0
        if queuedByteCount == 0 {
            let code = bytes.withUnsafeBytes { bytes in
                var buffer = uv_buf_t(lending: bytes)
                return uv_try_write(stream, &buffer, 1)
            }
            if code < 0, code != UV_EAGAIN.rawValue { return fail(code, "write to \(peer)") }
            sent = Int(max(0, code))
        }
        guard sent < bytes.count else { return }
        let code = WriteRequest.send(bytes[sent...], on: stream) { [self] in didWrite($0) }
        if code < 0 { return fail(code, "write to \(peer)") }
        submittedByteCount += bytes.count - sent
        if queuedByteCount > options.highWatermark { isOverHighWatermark = true }
        if !isTCP, stallTimer == nil { watchForStall() }
    }

    /// Ends the connection unless the peer takes something within the limit, again and again until
    /// nothing waits.
    private func watchForStall() {
        let timer = stallTimer ?? LoopTimer(on: loop)
        stallTimer = timer
        let taken = submittedByteCount - queuedByteCount
        timer.start(after: options.unacknowledgedTimeout) { [self] in
            if submittedByteCount - queuedByteCount == taken {
                fail(UV_ETIMEDOUT.rawValue, "write to \(peer)")
            } else {
                watchForStall()
            }
        }
    }

    private func didWrite(_ code: Int32) {
        if queuedByteCount == 0 {
            stallTimer?.close()
            stallTimer = nil
        }
        if code < 0 { return fail(code, "write to \(peer)") }
        guard state == .open, isOverHighWatermark, queuedByteCount <= options.lowWatermark
        else { return }
        isOverHighWatermark = false
        handler?.connectionBecameWritable(self)
    }

    // MARK: Closing

    /// Sends what is queued, then closes; gives up waiting after the close timeout.
    public func close() {
        loop.assertCurrent()
        switch state {
        case .new: end(.local)
        case .open:
            state = .flushing
            // Reading goes on and is thrown away: closing with unread bytes would be a reset, which
            // takes from the peer what we have just sent.
            let code = ShutdownRequest.send(on: stream) { [self] _ in end(.local) }
            guard code == 0 else { return end(.local) }
            let timer = LoopTimer(on: loop)
            timer.start(after: options.closeTimeout) { [self] in end(.local) }
            closeTimer = timer
        case .flushing, .closing: break
        }
    }

    /// Closes at once and drops what is queued; over TCP the peer sees a reset.
    public func abort() {
        loop.assertCurrent()
        switch state {
        case .new, .open:
            beginClosing(reachedEnd ? .peer : .local)
            if isTCP { handle.closeWithReset() } else { handle.close() }
        // A reset after a shutdown is not allowed.
        case .flushing: end(.local)
        case .closing: break
        }
    }

    private func fail(_ code: Int32, _ doing: String) {
        let error = TransportError(code: code, doing: doing)
        end(error.kind == .reset ? .reset : .failed(error))
    }

    private func end(_ reason: CloseReason) {
        if case .closing = state { return }
        beginClosing(reason == .local && reachedEnd ? .peer : reason)
        handle.close()
    }

    private func beginClosing(_ reason: CloseReason) {
        state = .closing(reason)
        onClose?()
        onClose = nil
    }

    func loopIsStopping() {
        if case .closing = state { return }
        beginClosing(.stopped)
    }

    func handleDidClose() {
        closeTimer?.close()
        closeTimer = nil
        stallTimer?.close()
        stallTimer = nil
        let handler = handler
        self.handler = nil
        guard case .closing(let reason) = state else { return }
        handler?.connection(self, closedBy: reason)
    }
}
