internal import CLibuv
internal import Glibc
internal import Locking

/// A libuv loop on a thread of its own: the place where sockets live.
///
/// Start reading here. Transport moves bytes and knows no protocol. ``Listener``, ``Connection``,
/// and ``LoopTimer`` belong to one loop, are not `Sendable`, and stop the program
/// when used from another thread. Only the loop itself may be shared: ``submit(_:)`` is how every
/// other thread speaks to what lives on it, and ``LoopBound`` carries a reference across.
public final class EventLoop: @unchecked Sendable {
    /// At most this many bytes arrive in one piece.
    static let readBufferByteCount = 64 * 1024
    /// How long its thread asks to have a core at a time, where Linux lets it: the shortest there is. What a loop
    /// has to do takes microseconds; so it need not wait until a thread that computes has had its turn, of
    /// milliseconds, and takes nothing from it in the end.
    static let turnNanoseconds: UInt64 = 100_000

    let pointer: UnsafeMutablePointer<uv_loop_t>
    /// Lent to one read callback at a time: libuv reads and reports without returning to the loop.
    let readBuffer: UnsafeMutableRawBufferPointer

    private let wake: UnsafeMutablePointer<uv_async_t>
    private let inbox = Locked(Inbox())
    private let join = Locked(false)
    private var thread = pthread_t()
    /// Under which a loop's thread keeps its loop. A thread's own identity would not do: the system gives
    /// it to another once the thread has ended.
    private static let current: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "cannot create a key for event loops' threads: error \(code)")
        return key
    }()

    /// Every open handle; only the loop thread looks.
    private var handles: [ObjectIdentifier: Handle] = [:]
    /// Only the loop thread looks.
    private(set) var isStopping = false

    private struct Inbox {
        var work: [@Sendable () -> Void] = []
        var isOpen = true
    }

    /// Starts the loop on a new thread.
    /// - Parameter name: the thread's, as `ps -L` shows it; cut to 15 bytes.
    public init(name: String) throws(TransportError) {
        // A write to a closed socket is an error code here, never the end of the process.
        signal(SIGPIPE, SIG_IGN)

        pointer = .allocate(capacity: 1)
        wake = .allocate(capacity: 1)
        readBuffer = .allocate(byteCount: Self.readBufferByteCount, alignment: 16)
        try check(uv_loop_init(pointer), "create an event loop")
        wake.initialize(to: uv_async_t())
        try check(
            uv_async_init(pointer, wake) { wake in
                guard let wake else { return }
                Unmanaged<EventLoop>.fromOpaque(wake.pointee.data).takeUnretainedValue().drain()
            }, "create an event loop's waker")
        // Unretained: the thread keeps the loop alive until the last callback has run.
        wake.pointee.data = Unmanaged.passUnretained(self).toOpaque()

        let start = Unmanaged.passRetained(ThreadStart(loop: self, name: String(name.prefix(15))))
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
                pthread_setname_np(pthread_self(), start.name)
                // A refinement: without it all works as well, later.
                _ = refinery_set_turn_length(EventLoop.turnNanoseconds)
                pthread_setspecific(
                    EventLoop.current, Unmanaged.passUnretained(start.loop).toOpaque())
                start.loop.run()
                return nil
            }, start.toOpaque())
        precondition(code == 0, "cannot create the event loop's thread: error \(code)")
    }

    deinit {
        readBuffer.deallocate()
        wake.deallocate()
        pointer.deallocate()
    }

    /// Runs `work` on the loop's thread, after everything submitted before it. Any thread may call.
    /// - Returns: false when the loop has been stopped; `work` is then dropped.
    @discardableResult
    public func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        inbox.withLock { inbox in
            guard inbox.isOpen else { return false }
            inbox.work.append(work)
            // Under the lock, so that no wake can follow the closing of the waker.
            if inbox.work.count == 1 { uv_async_send(wake) }
            return true
        }
    }

    /// Runs `body` on the loop's thread and waits for its result.
    /// - Throws: what `body` throws, or ``TransportError/Kind/stopped``.
    public func perform<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = submit { continuation.resume(with: Swift.Result(catching: body)) }
            if !accepted {
                continuation.resume(
                    throwing: TransportError(.stopped, "the event loop has been stopped"))
            }
        }
    }

    /// Closes what is still open on the loop, without waiting for queued bytes, and returns when
    /// its thread has ended. Whoever wants a polite ending brings it about before. Any thread but
    /// the loop's own may call, any number of times.
    public func stop() {
        precondition(!isCurrent, "an event loop cannot wait for its own end")
        inbox.withLock { inbox in
            guard inbox.isOpen else { return }
            inbox.isOpen = false
            inbox.work.append { [self] in closeEverything() }
            uv_async_send(wake)
        }
        join.withLock { joined in
            if !joined { pthread_join(thread, nil) }
            joined = true
        }
    }

    /// Whether the caller runs on this loop's thread.
    public var isCurrent: Bool {
        pthread_getspecific(Self.current) == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Stops the program unless the caller runs on this loop's thread.
    public func assertCurrent() {
        precondition(isCurrent, "a loop's object was used outside the loop's thread")
    }

    /// Handles open on this loop now: listeners, connections, timers.
    public var openHandleCount: Int {
        assertCurrent()
        return handles.count
    }

    // MARK: For the handles

    func add(_ handle: Handle) { handles[ObjectIdentifier(handle)] = handle }
    func remove(_ handle: Handle) { handles[ObjectIdentifier(handle)] = nil }

    // MARK: On the loop's thread

    private func drain() {
        // Wakes coalesce, so one wake takes everything; what arrives meanwhile brings its own.
        let work = inbox.withLock { inbox in
            defer { inbox.work = [] }
            return inbox.work
        }
        for item in work { item() }
    }

    private func closeEverything() {
        isStopping = true
        for handle in handles.values { handle.close() }
        uv_close(UnsafeMutableRawPointer(wake).assumingMemoryBound(to: uv_handle_t.self), nil)
    }

    private func run() {
        // Returns when the last handle is closed and the last request answered.
        uv_run(pointer, UV_RUN_DEFAULT)
        let code = uv_loop_close(pointer)
        precondition(code == 0, "a handle was left open on the event loop")
    }

    private final class ThreadStart {
        let loop: EventLoop
        let name: String

        init(loop: EventLoop, name: String) {
            self.loop = loop
            self.name = name
        }
    }
}
