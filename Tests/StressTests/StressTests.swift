import CAllocationCounter
import Client
import Foundation
import Generation
import ServerProcesses
import TestSupport
import Testing
import Transport
import Wire

/// Many peers at a real server, and what they cost it. Short by default; `dev/stress` runs the numbers that
/// `Tests/README.md` tells, and holds the server to its limits on time too.
@Suite(.serialized, .timeLimit(.minutes(30)))
struct StressTests {
    /// Whether the machine is ours, so that times mean something.
    static let isFull = ProcessInfo.processInfo.environment["REFINERY_STRESS"] == "full"

    /// A sanitizer's allocator keeps what is freed.
    static func holds(_ growth: Int, below limit: Int) -> Bool {
        !refinery_allocations_counted() || growth < limit
    }

    static let listening = ["--listen", "127.0.0.1:0"]

    init() { ConnectionLimit.raiseDescriptorLimit() }

    @Test func `idle connections cost little memory, and leave the others their answers`()
        async throws
    {
        let count = Self.isFull ? 5000 : 500
        let server = try await ServerProcess(ServerFolder(), data: "idle", flags: Self.listening)
        defer { server.kill() }
        let port = try #require(server.port)
        // Something to do beside, to the end.
        let job = try await server.client.submit(Self.longJob)
        let alone = try await Self.pings(server)
        let stepAlone = try await Self.stepSeconds(server)

        let before = try ProcessFigures(of: server.processID)
        let sockets = try (0..<count).map { _ in try RawSocket(port: port) }
        try await Self.wait { try await server.client.serverStats().connections > count }
        let after = try ProcessFigures(of: server.processID)
        let perConnection = (after.residentByteCount - before.residentByteCount) / count
        #expect(after.descriptorCount - before.descriptorCount == count)
        #expect(Self.holds(perConnection, below: 8 << 10), "\(perConnection) bytes each")

        let among = try await Self.pings(server)
        let stepAmong = try await Self.stepSeconds(server)
        // Each of them can be used.
        for socket in [sockets.first, sockets[count / 2], sockets.last] {
            try socket?.write(Self.ping)
            #expect(try socket?.read(Self.pong.count) == Self.pong)
        }
        for socket in sockets { socket.close() }
        try await Self.wait { try await server.client.serverStats().connections <= 1 }
        #expect(try ProcessFigures(of: server.processID).descriptorCount <= before.descriptorCount)
        _ = try await server.client.cancel(job.id)
        let steps = String(
            format: "%.2f ms without them, %.2f ms among them", stepAlone * 1000, stepAmong * 1000)
        print(
            """
            \(count) idle connections: \(perConnection) bytes each; \
            \(after.residentByteCount >> 20) MiB in all; \
            Ping while computing: \(alone) without them, \(among) among them; \
            a step: \(steps)
            """)
        if Self.isFull {
            #expect(after.residentByteCount - before.residentByteCount < 100 << 20)
            #expect(among.percentile(0.99) < 10)
            #expect(stepAmong < 1.1 * stepAlone)
        }
    }

    @Test func `connections that come and go leave nothing behind`() async throws {
        let count = Self.isFull ? 10_000 : 1000
        let server = try await ServerProcess(ServerFolder(), data: "churn", flags: Self.listening)
        defer { server.kill() }
        let port = try #require(server.port)
        func churn(_ count: Int) async throws {
            for number in 0..<count {
                let socket = try RawSocket(port: port)
                switch number % 4 {
                case 0:
                    try socket.write(Self.ping)
                    #expect(try socket.read(Self.pong.count) == Self.pong)
                case 1: try socket.write(Self.ping.dropLast(3))
                case 2: try socket.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                default: break
                }
                number % 3 == 0 ? socket.reset() : socket.close()
            }
            try await Self.wait { try await server.client.serverStats().connections <= 1 }
        }
        // Until everything that is made once has been made.
        try await churn(count / 2)
        let before = try ProcessFigures(of: server.processID)
        try await churn(count)
        let after = try ProcessFigures(of: server.processID)
        #expect(after.descriptorCount <= before.descriptorCount)
        let growth = after.residentByteCount - before.residentByteCount
        #expect(Self.holds(growth, below: 2 << 20))
        print("\(count) connections that came and went: \(growth >> 10) KiB more than before")
    }

    @Test func `calls that come and go leave nothing behind, nor do their jobs`() async throws {
        let server = try await ServerProcess(ServerFolder(), data: "calls")
        defer { server.kill() }
        var request = Self.longJob
        (request.steps, request.numberResults, request.width, request.height) = (1, 1, 64, 64)
        let job = try await server.client.submit(request)
        func watch(_ count: Int) async throws {
            for _ in 0..<count { for try await _ in server.client.watch(job.id) {} }
        }
        func generate(_ count: Int) async throws {
            for _ in 0..<count { for try await _ in server.client.generate(request) {} }
        }
        // Before that, caches fill.
        try await generate(10)
        try await watch(300)
        let before = try ProcessFigures(of: server.processID)
        try await watch(2000)
        let watched = try ProcessFigures(of: server.processID)
        try await generate(30)
        let after = try ProcessFigures(of: server.processID)
        let growth = [
            watched.residentByteCount - before.residentByteCount,
            after.residentByteCount - watched.residentByteCount,
        ]
        print(
            "2000 Watch calls: \(growth[0] >> 10) KiB more than before; 30 jobs: \(growth[1] >> 10) KiB"
        )
        // Before that was mended: nearly 1 KiB for each call, and 1.2 MiB for each job.
        #expect(Self.holds(growth[0], below: 1 << 20) && Self.holds(growth[1], below: 10 << 20))
        // The last connections may not be closed yet.
        #expect(after.descriptorCount <= before.descriptorCount + 2)
    }

    @Test func `a server without descriptors to spare refuses politely, and recovers`() async throws
    {
        let server = try await ServerProcess(
            ServerFolder(), data: "few", flags: Self.listening, descriptorLimit: 96)
        defer { server.kill() }
        let port = try #require(server.port)
        // Half of the descriptors, of which our own client has one.
        let room = 96 / 2 - 1
        var served: [RawSocket] = []
        for _ in 0..<room {
            let socket = try RawSocket(port: port)
            try socket.write(Self.ping)
            #expect(try socket.read(Self.pong.count) == Self.pong)
            served.append(socket)
        }
        for _ in 0..<200 {
            // The end at once, or a reset: never a silence.
            let newcomer = try RawSocket(port: port)
            #expect((try? newcomer.readToEnd()) ?? [] == [])
        }
        // It waits for better days and does not spin.
        let newcomers = try (0..<100).map { _ in try RawSocket(port: port) }
        let before = try ProcessFigures(of: server.processID)
        try await Task.sleep(for: .seconds(1))
        let after = try ProcessFigures(of: server.processID)
        #expect(after.computingSeconds - before.computingSeconds < 0.05)
        #expect(after.descriptorCount < 96)
        for newcomer in newcomers { newcomer.close() }
        for socket in served {
            try socket.write(Self.ping)
            #expect(try socket.read(Self.pong.count) == Self.pong)
            socket.close()
        }
        try await Self.wait { try await server.client.serverStats().connections <= 1 }
        let socket = try RawSocket(port: port)
        try socket.write(Self.ping)
        #expect(try socket.read(Self.pong.count) == Self.pong)
        // Nor did the jobs suffer.
        var request = Self.longJob
        request.steps = 2
        let job = try await server.client.submit(request)
        #expect(try await !server.client.image(0, of: Self.ended(job.id, server)).isEmpty)
    }

    /// Megabytes for each of them take a debug build minutes; `HostilePeerTests` has the short form.
    @Test(.enabled(if: isFull))
    func `watchers that stop reading cost a bounded amount of memory`() async throws {
        let count = 50
        let server = try await ServerProcess(ServerFolder(), data: "slow", flags: Self.listening)
        defer { server.kill() }
        let port = try #require(server.port)
        // Pictures of some three megabytes: more than the kernel's buffers and our watermark together.
        var request = Self.longJob
        (request.steps, request.width, request.height) = (1, 1024, 1024)
        request.numberResults = 4
        let job = try await server.client.submit(request)
        let picture = try await server.client.image(0, of: Self.ended(job.id, server)).count

        let before = try ProcessFigures(of: server.processID)
        let stalled = try (0..<count).map { _ in
            let socket = try RawSocket(port: port, receiveBufferByteCount: 4096)
            try socket.write(Self.watch(job.id))
            _ = try socket.readSome(atMost: 1)
            return socket
        }
        try await Self.wait { try await server.client.serverStats().connections > count }
        _ = try await Self.pings(server)
        let after = try ProcessFigures(of: server.processID)
        let each = (after.residentByteCount - before.residentByteCount) / count
        // The watermark, and the one picture that went over it, while it is packed too.
        #expect(each < 1 << 20 + 2 * picture)
        #expect(try await server.client.serverStats().connections > count)
        print("\(count) stalled watchers of pictures of \(picture) bytes: \(each >> 10) KiB each")
        for socket in stalled { socket.reset() }
        try await Self.wait { try await server.client.serverStats().connections <= 1 }
    }

    @Test func `all who watched come back at once after a restart, and hear how it ended`()
        async throws
    {
        let count = Self.isFull ? 4000 : 200
        let folder = try ServerFolder()
        let first = try await ServerProcess(folder, data: "storm", flags: ServerProcess.checkpoints)
        var request = Self.longJob
        (request.requestID, request.steps, request.numberResults) = ("done", 4, 2)
        (request.width, request.height) = (256, 256)
        _ = try await first.client.submit(request)
        let picture = try await first.client.image(1, of: Self.ended("done", first))
        request = Self.longJob
        request.requestID = "live"
        _ = try await first.client.submit(request)
        try await Self.wait { try await first.client.serverStats().baseSteps > 8 }
        first.kill()

        let server = try await ServerProcess(folder, data: "storm", flags: Self.listening)
        defer { server.kill() }
        let port = try #require(server.port)
        let begun = ContinuousClock.now
        var watchers = try (0..<count).map { number in
            try StormWatcher(of: number % 2 == 0 ? "done" : "live", port: port)
        }
        for number in watchers.indices where number % 2 == 0 {
            let end = try watchers[number].readToEnd()
            #expect(end == StormWatcher.End(pictures: 2, last: picture, status: .ok))
        }
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        let pings = try await Self.pings(server)
        _ = try await server.client.cancel("live")
        for number in watchers.indices where number % 2 == 1 {
            #expect(try watchers[number].readToEnd().status == .cancelled)
        }
        try await Self.wait { try await server.client.serverStats().connections <= 1 }
        print(
            "\(count) watchers after a restart: the half of them whose job had ended had heard all after \(seconds.formatted(.number.precision(.fractionLength(1)))) s; Ping beside the others: \(pings)"
        )
    }

    @Test func `messages made to cost much cost milliseconds and nothing that stays`() async throws
    {
        let server = try await ServerProcess(
            ServerFolder(), data: "hostile", flags: Self.listening)
        defer { server.kill() }
        let socket = try RawSocket(port: try #require(server.port))
        defer { socket.close() }
        let before = try ProcessFigures(of: server.processID)
        var figures: [String] = []
        for (name, request) in HostileMessages.all {
            var latencies: [Duration] = []
            for _ in 0..<(Self.isFull ? 50 : 3) {
                let frame = Frame(stream: 1, type: .request, payload: request).encoded()
                let begun = ContinuousClock.now
                try socket.write(frame)
                let header = try socket.read(FrameHeader.byteCount)
                latencies.append(ContinuousClock.now - begun)
                // One answer, with a status, and the connection goes on.
                #expect(header.count == FrameHeader.byteCount && header[8] == 2, "\(name)")
                _ = try socket.read(header[..<4].reduce(0) { $0 << 8 | Int($1) })
            }
            let times = Latencies(latencies)
            figures.append("\(name): \(times)")
            if Self.isFull { #expect(times.percentile(0.5) < 50, "\(name): \(times)") }
        }
        let after = try ProcessFigures(of: server.processID)
        let growth = after.residentByteCount - before.residentByteCount
        #expect(Self.holds(growth, below: 8 << 20))
        print("Hostile messages, \(growth >> 10) KiB in all; " + figures.joined(separator: "; "))
    }

    // MARK: Helpers

    /// Of small steps, and longer than any test.
    static let longJob: GenerationRequest = {
        var request = GenerationRequest()
        request.positivePrompt = "a lighthouse"
        // The full numbers take half a minute, in which a release build ends the short form of this.
        if isFull { (request.width, request.height) = (768, 768) }
        request.steps = 100
        request.numberResults = 20
        request.seed = 1
        return request
    }()

    /// A Ping of nothing on stream 1, and its reply.
    static let ping =
        [0, 0, 0, 26, 0, 0, 0, 1, 1, 0] + [0x0A, 18] + Array("refinery.v1.Server".utf8)
        + [0x12, 4] + Array("Ping".utf8)
    static let pong: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1, 2, 0]

    static func watch(_ jobID: String) -> [UInt8] {
        let message = [0x0A, UInt8(jobID.utf8.count)] + Array(jobID.utf8)
        let request =
            [0x0A, 27] + Array("refinery.v1.ImageGeneration".utf8) + [0x12, 5]
            + Array("Watch".utf8) + [0x1A, UInt8(message.count)] + message
        return [0, 0, 0, UInt8(request.count), 0, 0, 0, 1, 1, 1] + request
    }

    static func pings(_ server: ServerProcess) async throws -> Latencies {
        var latencies: [Duration] = []
        for _ in 0..<(isFull ? 1000 : 50) {
            let begun = ContinuousClock.now
            _ = try await server.client.ping()
            latencies.append(ContinuousClock.now - begun)
            try await Task.sleep(for: .milliseconds(2))
        }
        return Latencies(latencies)
    }

    /// The mean of the base's steps during some time.
    static func stepSeconds(_ server: ServerProcess) async throws -> Double {
        let before = try await server.client.serverStats()
        try await Task.sleep(for: .seconds(isFull ? 10 : 1))
        let after = try await server.client.serverStats()
        let steps = after.baseSteps - before.baseSteps
        try #require(steps > 0)
        return (after.baseSeconds - before.baseSeconds) / Double(steps)
    }

    static func ended(_ jobID: String, _ server: ServerProcess) async throws -> String {
        try await wait { try await server.client.job(jobID).state.isEnded }
        return jobID
    }

    static func wait(until condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(20)) }
    }
}
