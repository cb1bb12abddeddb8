import Foundation
import TestSupport
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(15)))
struct ConnectionTests {
    @Test(
        "bytes come back from an echo over every kind of socket",
        arguments: ["127.0.0.1:0", "[::1]:0", "unix"])
    func echo(kind: String) async throws {
        let file = TemporaryPath()
        let server = try await TestServer(
            at: kind == "unix" ? "unix:\(file.path)" : kind, handler: Recorder.echoing)
        defer { server.loop.stop() }
        let client = try await TestClient(server.address)
        defer { client.loop.stop() }
        let bytes = pattern(300_000)
        client.loop.submit { client.connection.value.write(bytes) }
        var received: [UInt8] = []
        for await happening in client.happenings {
            if case .bytes(let more) = happening { received += more }
            if received.count >= bytes.count { break }
        }
        #expect(received == bytes)
        let peer = try await client.loop.perform { client.connection.value.peer }
        #expect(peer == (kind == "unix" ? "unix" : server.address.description))
    }

    @Test func `a name is connected to by whichever of its addresses answers`() async throws {
        let server = try await TestServer(handler: Recorder.echoing)
        defer { server.loop.stop() }
        let client = try await TestClient(SocketAddress("localhost:\(server.port)"))
        client.loop.stop()
    }

    @Test func `bytes sent one at a time arrive in order`() async throws {
        let server = try await TestServer(handler: Recorder.echoing)
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port)
        let bytes = pattern(300)
        for byte in bytes { try socket.write([byte]) }
        #expect(try socket.read(bytes.count) == bytes)
    }

    @Test func `many writes keep their order, past what the kernel takes at once`() async throws {
        let server = try await TestServer()
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port, receiveBufferByteCount: 4096)
        let connection = try await server.firstAccepted().connection
        let bytes = megabytes
        // The reader begins when all is written.
        try await server.loop.perform {
            var rest = bytes[...]
            var size = 1
            while !rest.isEmpty {
                connection.value.write(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
                size = size % 9973 + 1
            }
            #expect(connection.value.queuedByteCount > 0)
            connection.value.close()
        }
        #expect(try socket.readToEnd() == bytes)
    }

    @Test func `a peer that ends its side can still read`() async throws {
        let server = try await TestServer { happenings in
            let recorder = Recorder(happenings)
            recorder.onEnd = { connection in
                connection.write(Array("still here".utf8))
                connection.close()
            }
            return recorder
        }
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port)
        try socket.write([1, 2, 3])
        socket.endWriting()
        #expect(try socket.readToEnd() == Array("still here".utf8))
        let happenings = try await server.firstAccepted().happenings.joined()
        #expect(happenings == [.bytes([1, 2, 3]), .end, .closed(.peer)])
    }

    @Test func `a reset is reported once, and frees the connection`() async throws {
        let server = try await TestServer()
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port)
        try socket.write([7])
        let accepted = try await server.firstAccepted()
        for await first in accepted.happenings {
            #expect(first == .bytes([7]))
            break
        }
        socket.reset()
        #expect(await accepted.happenings.joined() == [.closed(.reset)])
        try await server.settle()
    }

    @Test func `writing to a peer that is gone ends the connection, not the program`() async throws
    {
        let server = try await TestServer()
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port)
        let accepted = try await server.firstAccepted()
        // Nobody reads, so only the writes can find out.
        try await server.loop.perform { accepted.connection.value.pauseReading() }
        socket.reset()
        try await server.loop.perform {
            for _ in 0..<1000 { accepted.connection.value.write(pattern(10_000)) }
        }
        #expect(await accepted.happenings.joined() == [.closed(.reset)])
    }

    @Test func `close sends what is queued before it ends`() async throws {
        let server = try await TestServer()
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port, receiveBufferByteCount: 4096)
        let accepted = try await server.firstAccepted()
        try await server.loop.perform {
            accepted.connection.value.write(megabytes)
            accepted.connection.value.close()
            accepted.connection.value.close()
            accepted.connection.value.write([1])
        }
        #expect(try socket.readToEnd() == megabytes)
        #expect(await accepted.happenings.joined() == [.closed(.local)])
    }

    @Test func `close gives up on a peer that does not read`() async throws {
        var options = Connection.Options.patient
        options.closeTimeout = .milliseconds(50)
        let server = try await TestServer(options: options)
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port, receiveBufferByteCount: 4096)
        let accepted = try await server.firstAccepted()
        try await server.loop.perform {
            accepted.connection.value.write(megabytes)
            accepted.connection.value.close()
        }
        #expect(await accepted.happenings.joined() == [.closed(.local)])
        #expect(try socket.readToEnd().count < megabytes.count)
    }

    @Test func `abort during a write drops the rest and resets`() async throws {
        let server = try await TestServer()
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port, receiveBufferByteCount: 4096)
        let accepted = try await server.firstAccepted()
        try await server.loop.perform {
            accepted.connection.value.write(megabytes)
            accepted.connection.value.abort()
            accepted.connection.value.abort()
            accepted.connection.value.close()
        }
        #expect(await accepted.happenings.joined() == [.closed(.local)])
        #expect(throws: RawSocket.Failure.self) { try socket.readToEnd() }
    }

    @Test func `a slow reader is noticed, and so is its recovery`() async throws {
        var options = Connection.Options.patient
        options.highWatermark = 100_000
        options.lowWatermark = 10_000
        let server = try await TestServer(options: options)
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port, receiveBufferByteCount: 4096)
        let accepted = try await server.firstAccepted()
        let sent = try await server.loop.perform {
            let connection = accepted.connection.value
            var sent = 0
            while connection.isWritable {
                connection.write(pattern(50_000))
                sent += 50_000
            }
            #expect(connection.queuedByteCount > 100_000)
            return sent
        }
        #expect(try socket.read(sent).count == sent)
        for await happening in accepted.happenings {
            #expect(happening == .writable)
            break
        }
        #expect(try await server.loop.perform { accepted.connection.value.isWritable })
    }

    @Test("a peer that takes nothing is given up", arguments: ["127.0.0.1:0", "unix"])
    func stalled(kind: String) async throws {
        let file = TemporaryPath()
        var options = Connection.Options.patient
        options.unacknowledgedTimeout = .milliseconds(300)
        let server = try await TestServer(
            at: kind == "unix" ? "unix:\(file.path)" : kind, options: options)
        defer { server.loop.stop() }
        let socket = try kind == "unix" ? RawSocket(path: file.path) : RawSocket(port: server.port)
        let accepted = try await server.firstAccepted()
        let bytes = megabytes
        server.loop.submit { accepted.connection.value.write(bytes) }
        guard case .closed(.failed(let error)) = await accepted.happenings.joined().last else {
            Issue.record("it was not given up")
            return
        }
        #expect(error.kind == .timedOut)
        try await server.settle()
        socket.close()
    }

    @Test func `a peer at a Unix socket that takes a little now and then is waited for`()
        async throws
    {
        let file = TemporaryPath()
        var options = Connection.Options.patient
        options.unacknowledgedTimeout = .seconds(10)
        let server = try await TestServer(at: "unix:\(file.path)", options: options)
        defer { server.loop.stop() }
        let socket = try RawSocket(path: file.path)
        let accepted = try await server.firstAccepted()
        let bytes = megabytes
        server.loop.submit { accepted.connection.value.write(bytes) }
        // Longer in all than the limit, on a thread of its own: the tests' may be taken by others.
        nonisolated(unsafe) let reader = socket
        let received = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var received = 0
                for _ in 0..<12 {
                    received += (try? reader.read(bytes.count / 20).count) ?? 0
                    Thread.sleep(forTimeInterval: 1)
                }
                received += (try? reader.read(bytes.count - received).count) ?? 0
                continuation.resume(returning: received)
            }
        }
        #expect(received == bytes.count)
        server.loop.submit { accepted.connection.value.write([1]) }
        #expect(try socket.read(1) == [1])
    }

    @Test func `a paused connection reads nothing until it is resumed`() async throws {
        let server = try await TestServer(handler: Recorder.echoing)
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port)
        let accepted = try await server.firstAccepted()
        try await server.loop.perform { accepted.connection.value.pauseReading() }
        try socket.write([1, 2, 3])
        try await server.loop.perform { accepted.connection.value.resumeReading() }
        #expect(try socket.read(3) == [1, 2, 3])
    }

    @Test func `connections that come and go leave nothing open`() async throws {
        let server = try await TestServer(handler: Recorder.echoing)
        defer { server.loop.stop() }
        for round in 0..<300 {
            let socket = try RawSocket(port: server.port)
            try socket.write([UInt8(truncatingIfNeeded: round)])
            if round % 3 == 0 { _ = try socket.read(1) }
            if round % 2 == 0 { socket.reset() } else { socket.close() }
        }
        // All 300 have been accepted before the loop can be seen with only its listener left.
        var ended = 0
        for await accepted in server.accepted {
            _ = await accepted.happenings.joined()
            ended += 1
            if ended == 300 { break }
        }
        try await server.settle()
        #expect(try await server.loop.perform { server.limit.value.count } == 0)
    }

    @Test func `stopping the loop ends live connections with queued bytes`() async throws {
        let server = try await TestServer()
        let sockets = try (0..<5).map { _ in
            try RawSocket(port: server.port, receiveBufferByteCount: 4096)
        }
        var all: [TestServer.Accepted] = []
        for await next in server.accepted {
            all.append(next)
            if all.count == sockets.count { break }
        }
        let accepted = all
        try await server.loop.perform {
            for each in accepted { each.connection.value.write(megabytes) }
            accepted[0].connection.value.close()
        }
        server.loop.stop()
        for (index, each) in accepted.enumerated() {
            // The first was already on its way out by its owner's wish; it, too, ends just once.
            #expect(await each.happenings.joined() == [.closed(.stopped)], "connection \(index)")
        }
        // Until here, so that it was not the peers that ended anything.
        for socket in sockets { socket.close() }
    }

    @Test func `connecting where nobody listens says so`() async throws {
        let server = try await TestServer()
        let port = server.port
        server.loop.stop()
        let error = try await #require(throws: TransportError.self) {
            try await TestClient(SocketAddress("127.0.0.1:\(port)"))
        }
        #expect(error.kind == .refused)
        #expect(error.message.contains("cannot connect to 127.0.0.1:\(port)"))

        let missing = try await #require(throws: TransportError.self) {
            try await TestClient(SocketAddress("unix:\(TemporaryPath().path)"))
        }
        #expect(missing.kind == .refused)
    }

    @Test func `an attempt to connect ends with the loop`() async throws {
        let loop = try EventLoop(name: "connecting")
        let (results, continuation) = AsyncStream.makeStream(of: Bool.self)
        try await loop.perform {
            // TEST-NET-1: packets to it are lost, or have no route.
            let address = try SocketAddress("192.0.2.1:9")
            Connection.connect(to: address, on: loop) { result in
                continuation.yield((try? result.get()) == nil)
                continuation.finish()
            }
        }
        loop.stop()
        var failures: [Bool] = []
        for await failed in results { failures.append(failed) }
        #expect(failures == [true])
    }
}

/// A connection of our own to somewhere.
final class TestClient: Sendable {
    let loop: EventLoop
    let connection: LoopBound<Connection>
    let happenings: AsyncStream<Happening>

    init(_ address: SocketAddress) async throws {
        let loop = try EventLoop(name: "transport-client")
        let (happenings, recorded) = AsyncStream.makeStream(of: Happening.self)
        self.loop = loop
        self.happenings = happenings
        do {
            connection = try await withCheckedThrowingContinuation { continuation in
                loop.submit {
                    Connection.connect(to: address, on: loop) { result in
                        continuation.resume(
                            with: result.map { connection in
                                connection.start(Recorder(recorded))
                                return LoopBound(connection, to: loop)
                            })
                    }
                }
            }
        } catch {
            loop.stop()
            throw error
        }
    }
}

/// A path nobody else uses, removed in the end. Short enough for a socket.
final class TemporaryPath: Sendable {
    let path = "/tmp/refinery-\(UInt32.random(in: 0...UInt32.max))"

    deinit { unlink(path) }
}
