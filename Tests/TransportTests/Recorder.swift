import Testing

@testable import Transport

/// What a connection told its handler, in order.
enum Happening: Equatable, Sendable {
    case bytes([UInt8])
    case end
    case writable
    case closed(Connection.CloseReason)
}

/// Passes on what happens on a connection, and can act on it.
final class Recorder: ConnectionHandler {
    let happenings: AsyncStream<Happening>.Continuation
    var onBytes: (Connection, [UInt8]) -> Void = { _, _ in }
    var onEnd: (Connection) -> Void = { _ in }

    init(_ happenings: AsyncStream<Happening>.Continuation) {
        self.happenings = happenings
    }

    static func echoing(_ happenings: AsyncStream<Happening>.Continuation) -> Recorder {
        let recorder = Recorder(happenings)
        recorder.onBytes = { $0.write($1) }
        recorder.onEnd = { $0.close() }
        return recorder
    }

    func connection(_ connection: Connection, received bytes: RawSpan) {
        let bytes = bytes.withUnsafeBytes { Array($0) }
        happenings.yield(.bytes(bytes))
        onBytes(connection, bytes)
    }

    func connectionReachedEnd(_ connection: Connection) {
        happenings.yield(.end)
        onEnd(connection)
    }

    func connectionBecameWritable(_ connection: Connection) { happenings.yield(.writable) }

    func connection(_ connection: Connection, closedBy reason: Connection.CloseReason) {
        happenings.yield(.closed(reason))
        happenings.finish()
    }
}

/// A loop with one listener, and the connections it accepted, for tests.
final class TestServer: Sendable {
    let loop: EventLoop
    let address: SocketAddress
    let listener: LoopBound<Listener>
    let limit: LoopBound<ConnectionLimit>
    /// One for each accepted connection.
    let accepted: AsyncStream<Accepted>

    struct Accepted: Sendable {
        let connection: LoopBound<Connection>
        let happenings: AsyncStream<Happening>
    }

    /// - Parameter handler: makes a connection's handler; it records what happens.
    convenience init(
        at address: String = "127.0.0.1:0", maximum: Int = 1000,
        options: Connection.Options = .patient,
        handler: @escaping @Sendable (AsyncStream<Happening>.Continuation) -> Recorder =
            Recorder.init
    ) async throws {
        try await self.init(
            at: .address(SocketAddress(address)), maximum: maximum, options: options,
            handler: handler)
    }

    init(
        at point: ListeningPoint, maximum: Int = 1000,
        options: Connection.Options = .patient,
        handler: @escaping @Sendable (AsyncStream<Happening>.Continuation) -> Recorder =
            Recorder.init
    ) async throws {
        let loop = try EventLoop(name: "transport-tests")
        let (accepted, continuation) = AsyncStream.makeStream(of: Accepted.self)
        self.loop = loop
        self.accepted = accepted
        do {
            (self.address, listener, limit) = try await loop.perform {
                let limit = ConnectionLimit(maximum: maximum)
                let listener = try Listener(
                    on: loop, at: point, limit: limit, options: options
                ) { connection in
                    let (happenings, recorded) = AsyncStream.makeStream(of: Happening.self)
                    connection.start(handler(recorded))
                    continuation.yield(
                        Accepted(
                            connection: LoopBound(connection, to: loop), happenings: happenings))
                }
                return (
                    listener.address, LoopBound(listener, to: loop), LoopBound(limit, to: loop)
                )
            }
        } catch {
            loop.stop()
            throw error
        }
    }

    var port: UInt16 { address.port ?? 0 }

    func firstAccepted() async throws -> Accepted {
        for await next in accepted { return next }
        throw CancellationError()
    }

    /// Waits until only the listener is open.
    func settle() async throws {
        while try await loop.perform({ [loop] in loop.openHandleCount }) > 1 {
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension Connection.Options {
    /// With no limit on time: the machine may be slow.
    static var patient: Connection.Options {
        var options = Connection.Options()
        options.closeTimeout = .seconds(3600)
        options.unacknowledgedTimeout = .seconds(3600)
        return options
    }
}

extension AsyncStream where Element == Happening {
    /// All there is, with the bytes joined where nothing else lies between.
    func joined() async -> [Happening] {
        var all: [Happening] = []
        for await next in self {
            if case .bytes(let more) = next, case .bytes(let bytes) = all.last {
                all[all.count - 1] = .bytes(bytes + more)
            } else {
                all.append(next)
            }
        }
        return all
    }
}

/// Bytes that show a loss, a swap or a repetition.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

/// More than the kernel takes for a reader with a small buffer.
let megabytes = pattern(8_000_000)
