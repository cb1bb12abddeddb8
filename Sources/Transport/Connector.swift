internal import CLibuv

extension Connection {
    /// Connects to `address`, one looked-up address after the other. On the loop's thread.
    /// - Parameters:
    ///   - timeout: for all attempts together.
    ///   - completion: called once, never from inside this call; must then call
    ///     ``Connection/start(_:)`` or ``Connection/close()``.
    public static func connect(
        to address: SocketAddress, on loop: EventLoop, timeout: Duration = .seconds(10),
        options: Options = Options(),
        completion: @escaping (Result<Connection, TransportError>) -> Void
    ) {
        Connector(address, on: loop, options: options, completion: completion).begin(timeout)
    }
}

/// One try to reach an address; alive as long as its timer or a request is.
private final class Connector {
    private let loop: EventLoop
    private let address: SocketAddress
    private let options: Connection.Options
    private let timer: LoopTimer
    /// Nil once it has been called.
    private var completion: ((Result<Connection, TransportError>) -> Void)?
    private var candidates: ArraySlice<SocketAddress> = []
    private var attempt: Connection?

    init(
        _ address: SocketAddress, on loop: EventLoop, options: Connection.Options,
        completion: @escaping (Result<Connection, TransportError>) -> Void
    ) {
        self.loop = loop
        self.address = address
        self.options = options
        self.completion = completion
        timer = LoopTimer(on: loop)
    }

    func begin(_ timeout: Duration) {
        timer.start(after: timeout) { [self] in
            attempt?.abort()
            finish(
                .failure(
                    TransportError(.timedOut, "cannot connect to \(address) within \(timeout)")))
        }
        address.lookUp(on: loop) { [self] result in
            switch result {
            case .success(let addresses):
                candidates = addresses[...]
                tryNext(TransportError(.invalidAddress, "\(address) has no IP address"))
            case .failure(let error): finish(.failure(error))
            }
        }
    }

    private func tryNext(_ lastError: TransportError) {
        guard completion != nil else { return }
        guard !loop.isStopping, let candidate = candidates.popFirst() else {
            return finish(.failure(lastError))
        }
        do {
            let connection = try Connection(
                isTCP: !candidate.isUnix, on: loop, options: options)
            attempt = connection
            try ConnectRequest.send(to: candidate, on: connection) { [self] code in
                didConnect(connection, code, candidate)
            }
        } catch {
            attempt?.abort()
            tryNext(error)
        }
    }

    private func didConnect(_ connection: Connection, _ code: Int32, _ candidate: SocketAddress) {
        guard code == 0, completion != nil else {
            connection.abort()
            return tryNext(TransportError(code: code, doing: "connect to \(candidate)"))
        }
        connection.didConnect()
        finish(.success(connection))
    }

    private func finish(_ result: Result<Connection, TransportError>) {
        timer.close()
        attempt = nil
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}

/// One `connect`; owned like a ``WriteRequest``.
private final class ConnectRequest {
    private let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
    private let completion: (Int32) -> Void

    private init(completion: @escaping (Int32) -> Void) {
        self.completion = completion
    }

    deinit { request.deallocate() }

    /// - Throws: when `completion` will not be called.
    static func send(
        to address: SocketAddress, on connection: Connection,
        completion: @escaping (Int32) -> Void
    ) throws(TransportError) {
        let connect = ConnectRequest(completion: completion)
        let retained = Unmanaged.passRetained(connect)
        connect.request.pointee.data = retained.toOpaque()
        if case .unix(let path) = address.endpoint {
            uv_pipe_connect(
                connect.request, connection.handle.pointer(uv_pipe_t.self), path, didConnect)
            return
        }
        do {
            try address.withSockaddr { socketAddress throws(TransportError) in
                try check(
                    uv_tcp_connect(
                        connect.request, connection.handle.pointer(uv_tcp_t.self), socketAddress,
                        didConnect), "connect to \(address)")
            }
        } catch {
            retained.release()
            throw error
        }
    }

    private static let didConnect: uv_connect_cb = { request, code in
        guard let request else { return }
        Unmanaged<ConnectRequest>.fromOpaque(request.pointee.data).takeRetainedValue()
            .completion(code)
    }
}
