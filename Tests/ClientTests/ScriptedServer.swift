import Generation
import Transport
import Wire

/// A server on loopback that answers every call with the same frames.
final class ScriptedServer: Sendable {
    let loop: EventLoop
    let address: String
    /// One element for each connection that closed; ends with ``stop()``.
    let closings: AsyncStream<Void>
    private let closed: AsyncStream<Void>.Continuation

    /// What is written in answer to a call; nil closes the connection instead.
    typealias Script =
        @Sendable (inout ServerConnectionState, ServerConnectionState.Call) -> [UInt8]?

    init(_ script: @escaping Script) async throws {
        let loop = try EventLoop(name: "scripted-server")
        let (closings, closed) = AsyncStream.makeStream(of: Void.self)
        self.loop = loop
        self.closings = closings
        self.closed = closed
        address = try await loop.perform {
            let listener = try Listener(
                on: loop, at: .address(SocketAddress("127.0.0.1:0")),
                limit: ConnectionLimit(maximum: 100)
            ) { connection in
                connection.start(Session(script, closed))
            }
            return listener.address.description
        }
    }

    func stop() {
        loop.stop()
        closed.finish()
    }

    private final class Session: ConnectionHandler {
        let script: Script
        let closed: AsyncStream<Void>.Continuation
        var wire = ServerConnectionState()

        init(_ script: @escaping Script, _ closed: AsyncStream<Void>.Continuation) {
            self.script = script
            self.closed = closed
        }

        func connection(_ connection: Connection, received bytes: RawSpan) {
            bytes.withUnsafeBytes { wire.receive($0) }
            while let action = wire.nextAction(at: .zero) {
                guard case .call(let call) = action, let frames = script(&wire, call) else {
                    return connection.close()
                }
                connection.write(frames)
            }
        }

        func connectionReachedEnd(_ connection: Connection) { connection.close() }
        func connectionBecameWritable(_ connection: Connection) {}
        func connection(_ connection: Connection, closedBy reason: Connection.CloseReason) {
            closed.yield()
        }
    }
}
