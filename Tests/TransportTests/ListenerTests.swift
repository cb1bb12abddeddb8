import Foundation
import TestSupport
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(15)))
struct ListenerTests {
    @Test func `port 0 becomes a port that can be connected to`() async throws {
        let server = try await TestServer(handler: Recorder.echoing)
        defer { server.loop.stop() }
        #expect(server.port != 0)
        let socket = try RawSocket(port: server.port)
        try socket.write([5])
        #expect(try socket.read(1) == [5])
    }

    @Test func `a port in use is an error that names it`() async throws {
        let server = try await TestServer()
        defer { server.loop.stop() }
        let error = try await #require(throws: TransportError.self) {
            try await TestServer(at: server.address.description)
        }
        #expect(error.kind == .addressInUse)
        #expect(error.message.contains(server.address.description))
    }

    @Test(arguments: [true, false])
    func `a socket that somebody else has opened is listened on`(isUnix: Bool) async throws {
        let file = TemporaryPath()
        let descriptor = try Self.listeningSocket(isUnix ? file.path : nil)
        let inherited = try InheritedSocket(descriptor: descriptor)
        #expect(inherited.address.isLoopback)
        let server = try await TestServer(
            at: .inherited(inherited), handler: Recorder.echoing)
        let socket =
            isUnix ? try RawSocket(path: file.path) : try RawSocket(port: server.port)
        try socket.write([5])
        #expect(try socket.read(1) == [5])
        server.loop.stop()
        // The file is whose who made it.
        #expect(!isUnix || access(file.path, F_OK) == 0)
    }

    @Test func `a descriptor that is no listening socket is refused`() throws {
        let idle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let datagrams = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(idle)
            close(datagrams)
        }
        for descriptor in [idle, datagrams, -1] {
            let error = #expect(throws: TransportError.self) {
                try InheritedSocket(descriptor: descriptor)
            }
            #expect(error?.kind == .invalidAddress)
        }
    }

    /// On a free port of 127.0.0.1, or at a path.
    private static func listeningSocket(_ path: String?) throws -> Int32 {
        let descriptor = socket(
            path == nil ? AF_INET : AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var code: Int32 = 0
        if let path {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            code = withUnsafeBytes(of: &address) { bytes in
                bind(
                    descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                    socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            code = withUnsafeBytes(of: &address) { bytes in
                bind(
                    descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0 && listen(descriptor, 16) == 0)
        return descriptor
    }

    @Test func `a name must be looked up before listening`() async throws {
        await #expect(throws: TransportError.self) { try await TestServer(at: "localhost:0") }
    }

    @Test func `a Unix socket is for its owner alone and goes with its listener`() async throws {
        let file = TemporaryPath()
        let server = try await TestServer(at: "unix:\(file.path)", handler: Recorder.echoing)
        var status = stat()
        #expect(lstat(file.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(status.st_mode & S_IFMT == S_IFSOCK)
        let socket = try RawSocket(path: file.path)
        try socket.write([9])
        #expect(try socket.read(1) == [9])
        server.loop.stop()
        #expect(lstat(file.path, &status) == -1)
    }

    @Test func `a Unix socket left behind by a dead process is replaced`() async throws {
        let file = TemporaryPath()
        try leaveSocket(at: file.path)
        let server = try await TestServer(at: "unix:\(file.path)", handler: Recorder.echoing)
        defer { server.loop.stop() }
        let socket = try RawSocket(path: file.path)
        try socket.write([9])
        #expect(try socket.read(1) == [9])
    }

    @Test func `a Unix socket someone listens on is left alone`() async throws {
        let file = TemporaryPath()
        let server = try await TestServer(at: "unix:\(file.path)", handler: Recorder.echoing)
        defer { server.loop.stop() }
        let error = try await #require(throws: TransportError.self) {
            try await TestServer(at: "unix:\(file.path)")
        }
        #expect(error.kind == .addressInUse)
        #expect(error.message.contains("another process listens there"))
        let socket = try RawSocket(path: file.path)
        try socket.write([9])
        #expect(try socket.read(1) == [9])
    }

    @Test func `a file that is no socket is left alone`() async throws {
        let file = TemporaryPath()
        try Data("precious".utf8).write(to: URL(fileURLWithPath: file.path))
        let error = try await #require(throws: TransportError.self) {
            try await TestServer(at: "unix:\(file.path)")
        }
        #expect(error.message.contains("no socket"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: file.path)) == Data("precious".utf8))
    }

    @Test func `above the limit a connection is closed at once, below it served`() async throws {
        let server = try await TestServer(maximum: 2, handler: Recorder.echoing)
        defer { server.loop.stop() }
        let first = try RawSocket(port: server.port)
        let second = try RawSocket(port: server.port)
        for socket in [first, second] {
            try socket.write([1])
            #expect(try socket.read(1) == [1])
        }
        #expect(try RawSocket(port: server.port).readToEnd() == [])
        #expect(try await server.loop.perform { server.limit.value.refusedCount } == 1)

        first.close()
        while try await server.loop.perform({ server.limit.value.count }) > 1 {
            try await Task.sleep(for: .milliseconds(2))
        }
        let third = try RawSocket(port: server.port)
        try third.write([3])
        #expect(try third.read(1) == [3])
        try second.write([2])
        #expect(try second.read(1) == [2])
    }

    /// The loop hears of both in one turn: that the first one ends, and that the next one is there.
    @Test func `a place is free from the moment its connection is closed`() async throws {
        let server = try await TestServer(maximum: 1) { happenings in
            let recorder = Recorder(happenings)
            recorder.onBytes = { $1 == [0] ? $0.abort() : $0.write($1) }
            return recorder
        }
        defer { server.loop.stop() }
        let first = try RawSocket(port: server.port)
        _ = try await server.firstAccepted()
        let (isHeld, goesOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        server.loop.submit {
            isHeld.signal()
            goesOn.wait()
        }
        isHeld.wait()
        try first.write([0])
        let second = try RawSocket(port: server.port)
        goesOn.signal()
        try second.write([2])
        #expect(try second.read(1) == [2])
    }

    @Test func `a closed listener refuses while its connections go on`() async throws {
        let server = try await TestServer(handler: Recorder.echoing)
        defer { server.loop.stop() }
        let socket = try RawSocket(port: server.port)
        _ = try await server.firstAccepted()
        try await server.loop.perform { server.listener.value.close() }
        #expect(throws: RawSocket.Failure.self) { _ = try RawSocket(port: server.port) }
        try socket.write([4])
        #expect(try socket.read(1) == [4])
    }

    @Test func `the limit stays below the process's descriptors`() {
        var descriptors = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors)
        let count = Int(clamping: descriptors.rlim_cur)
        #expect(ConnectionLimit.belowDescriptorLimit(reserve: 1).maximum == count - 1)
        // More is kept back than there is: half of them are for files.
        #expect(ConnectionLimit.belowDescriptorLimit(reserve: count).maximum == count / 2)
    }

    private func leaveSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafeBytes(of: &address) {
            bind(
                descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(MemoryLayout<sockaddr_un>.size))
        }
        try #require(code == 0)
    }
}
