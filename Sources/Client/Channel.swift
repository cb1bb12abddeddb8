internal import Generation
internal import Transport
internal import Wire

/// One connection and the calls on it. Lives on the loop's thread.
///
/// Its states: connecting (calls wait), open, and closed, which is its end; `error` says why.
final class Channel: ConnectionHandler {
    private let loop: EventLoop
    private let address: SocketAddress
    private let silenceLimit: Duration
    private let metadata: [MetadataEntry]
    private let isForOneCall: Bool
    private let readInterval: Duration?
    /// Runs while nothing is read.
    private var readTimer: LoopTimer?
    private var wire = ClientConnectionState()
    private var connection: Connection?
    private var waiting: [Call] = []
    private var calls: [StreamID: Call] = [:]
    private var error: ClientError?

    /// Begins to connect.
    /// - Parameter isForOneCall: closes when its call ends, however it ends.
    init(
        to address: SocketAddress, on loop: EventLoop, options: RefineryClient.Options,
        isForOneCall: Bool
    ) {
        self.loop = loop
        self.address = address
        self.isForOneCall = isForOneCall
        silenceLimit = options.silenceLimit
        readInterval = options.readInterval
        metadata =
            options.token.map { [MetadataEntry(key: "authorization", value: "Bearer \($0)")] } ?? []
        Connection.connect(to: address, on: loop, timeout: options.connectTimeout) { [self] in
            didConnect($0)
        }
    }

    var isClosed: Bool { error != nil }

    /// Opens `call` as soon as the connection is.
    func start(_ call: Call) {
        if let error { return call.end(error) }
        guard let connection else { return waiting.append(call) }
        do throws(GenerationError) {
            let (stream, frame) = try wire.open(
                call.request, timeout: call.timeout, metadata: metadata)
            call.stream = stream
            calls[stream] = call
            connection.write(frame)
            awaitReply(call)
        } catch {
            end(call, error)
        }
    }

    /// Stops following a call. On a shared connection the server still answers it, unheard.
    func forget(_ call: Call) {
        waiting.removeAll { $0 === call }
        if let stream = call.stream {
            calls[stream] = nil
            wire.forget(stream)
        }
        end(call, nil)
    }

    /// Ends all calls on it.
    func close(_ reason: ClientError = .closed) {
        guard error == nil else { return }
        error = reason
        readTimer?.close()
        readTimer = nil
        connection?.close()
        for call in waiting + Array(calls.values) { call.end(reason) }
        waiting = []
        calls = [:]
    }

    private func didConnect(_ result: Result<Connection, TransportError>) {
        switch result {
        case .success(let connection) where isClosed:
            connection.close()
        case .success(let connection):
            self.connection = connection
            connection.start(self)
            let waiting = waiting
            self.waiting = []
            for call in waiting { start(call) }
        case .failure(let error):
            close(ClientError(connecting: error))
        }
    }

    private func awaitReply(_ call: Call) {
        call.awaitReply(within: silenceLimit, on: loop) { [self] in
            close(.silent("\(address) has said nothing for \(silenceLimit)"))
        }
    }

    // MARK: What arrives

    func connection(_ connection: Connection, received bytes: RawSpan) {
        bytes.withUnsafeBytes { wire.receive($0) }
        while !isClosed, let action = wire.nextAction() {
            switch action {
            case .message(let stream, let reply):
                guard let call = calls[stream] else { continue }
                call.receive(reply)
                awaitReply(call)
            case .lastMessage(let stream, let reply):
                calls[stream]?.receive(reply)
                end(stream, nil)
            case .finished(let stream): end(stream, nil)
            case .failed(let stream, let error): end(stream, error)
            case .close:
                close(.protocolBroken("\(address) does not speak ttrpc"))
            }
        }
        if let readInterval, !isClosed { pause(connection, for: readInterval) }
    }

    private func pause(_ connection: Connection, for interval: Duration) {
        connection.pauseReading()
        let timer = readTimer ?? LoopTimer(on: loop)
        readTimer = timer
        timer.start(after: interval) { connection.resumeReading() }
    }

    private func end(_ stream: StreamID, _ error: (any Error)?) {
        if let call = calls.removeValue(forKey: stream) { end(call, error) }
    }

    private func end(_ call: Call, _ error: (any Error)?) {
        call.end(error)
        if isForOneCall { close() }
    }

    func connectionReachedEnd(_ connection: Connection) {
        close(.connectionLost("\(address) has closed the connection"))
    }

    func connectionBecameWritable(_ connection: Connection) {}

    func connection(_ connection: Connection, closedBy reason: Connection.CloseReason) {
        switch reason {
        case .local, .stopped: close()
        case .peer, .reset: close(.connectionLost("\(address) has closed the connection"))
        case .failed(let error): close(.connectionLost(error.message))
        }
    }
}
