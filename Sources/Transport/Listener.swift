internal import CLibuv
internal import Glibc

/// Accepts connections at one address. Lives on its loop's thread.
public final class Listener: HandleOwner {
    /// Where it listens, with the port the system chose when 0 was asked for.
    public private(set) var address: SocketAddress

    private let handle: Handle
    private let options: Connection.Options
    private let limit: ConnectionLimit
    private var onConnection: ((Connection) -> Void)?

    /// - Parameters:
    ///   - point: a name must have been looked up before (``SocketAddress/lookUp(on:completion:)``).
    ///     A Unix socket gets mode 0600; one left behind by a dead process is replaced. An inherited
    ///     socket is taken as it is.
    ///   - backlog: connections the kernel holds until we accept them.
    ///   - limit: above it a connection is accepted and closed at once.
    ///   - onConnection: must call ``Connection/start(_:)`` or ``Connection/close()``.
    public init(
        on loop: EventLoop, at point: ListeningPoint, backlog: Int32 = 511,
        limit: ConnectionLimit, options: Connection.Options = Connection.Options(),
        onConnection: @escaping (Connection) -> Void
    ) throws(TransportError) {
        loop.assertCurrent()
        address = point.address
        self.limit = limit
        self.options = options
        self.onConnection = onConnection
        handle = Handle(address.isUnix ? UV_NAMED_PIPE : UV_TCP, on: loop)
        if address.isUnix {
            try check(
                uv_pipe_init(loop.pointer, handle.pointer(uv_pipe_t.self), 0), "create a socket")
        } else {
            try check(uv_tcp_init(loop.pointer, handle.pointer(uv_tcp_t.self)), "create a socket")
        }
        handle.open(owner: self)
        do {
            switch point {
            case .address: try bind()
            case .inherited(let socket): try adopt(socket)
            }
            try listen(backlog)
        } catch {
            close()
            throw error
        }
    }

    /// Stops listening; open connections stay. A Unix socket's file is removed.
    public func close() {
        onConnection = nil
        handle.close()
    }

    func loopIsStopping() {}
    func handleDidClose() { onConnection = nil }

    // MARK: Starting

    private func bind() throws(TransportError) {
        if case .unix(let path) = address.endpoint {
            try UnixSocketFile.removeIfStale(path)
            try check(uv_pipe_bind(handle.pointer(uv_pipe_t.self), path), "listen on \(address)")
            // Before listen(): until then nobody can connect, so no wider mode is ever in effect.
            guard chmod(path, S_IRUSR | S_IWUSR) == 0 else {
                throw TransportError(code: -errno, doing: "restrict \(path) to its owner")
            }
        } else {
            try address.withSockaddr { socketAddress throws(TransportError) in
                try check(
                    uv_tcp_bind(handle.pointer(uv_tcp_t.self), socketAddress, 0),
                    "listen on \(address)")
            }
        }
    }

    private func adopt(_ socket: InheritedSocket) throws(TransportError) {
        // Not for what this process might ever start.
        _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC)
        let code =
            address.isUnix
            ? uv_pipe_open(handle.pointer(uv_pipe_t.self), socket.descriptor)
            : uv_tcp_open(handle.pointer(uv_tcp_t.self), socket.descriptor)
        try check(code, "take over the inherited socket at \(address)")
    }

    private func listen(_ backlog: Int32) throws(TransportError) {
        let code = uv_listen(handle.pointer(uv_stream_t.self), backlog) { server, status in
            // A failed accept is tried again by libuv when the next connection waits.
            guard status == 0 else { return }
            Handle.owner(of: server, as: Listener.self)?.accept()
        }
        try check(code, "listen on \(address)")
        if !address.isUnix {
            let tcp = handle.pointer(uv_tcp_t.self)
            address = SocketAddress({ uv_tcp_getsockname(tcp, $0, $1) }) ?? address
        }
    }

    // MARK: Accepting

    private func accept() {
        guard
            let connection = try? Connection(
                isTCP: !address.isUnix, on: handle.loop, options: options)
        else { return }
        guard
            uv_accept(handle.pointer(uv_stream_t.self), connection.stream) == 0,
            let onConnection
        else { return connection.close() }
        connection.didConnect()
        // Accepted all the same: a connection left waiting would keep its peer guessing.
        guard limit.take() else { return connection.close() }
        let limit = limit
        connection.onClose = { limit.giveBack() }
        onConnection(connection)
    }
}
