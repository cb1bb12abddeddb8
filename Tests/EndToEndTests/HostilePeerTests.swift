import Client
import Generation
import Jobs
import Metrics
import Server
import TestSupport
import Testing
import Wire

/// Peers that mean no good, or are in a bad way, and what they cost: their own call, or their own
/// connection.
@Suite(.timeLimit(.minutes(15)))
struct HostilePeerTests {
    // MARK: Values

    /// Fields of GenerateRequest by number, beside a good prompt.
    static let badValues: [(what: String, bytes: [UInt8], field: String)] = [
        ("a prompt that is not UTF-8", RawRequest.bytes(2, [0x61, 0xFF, 0x62]), "positivePrompt"),
        ("a surrogate as UTF-8", RawRequest.bytes(2, [0xED, 0xA0, 0x80]), "positivePrompt"),
        ("a NUL in a prompt", RawRequest.bytes(2, [0x61, 0x00, 0x62]), "positivePrompt"),
        ("a NUL in a name", RawRequest.bytes(6, [0x62, 0x00]), "model"),
        ("guidance that is no number", RawRequest.double(12, .nan), "CFGScale"),
        ("endless guidance", RawRequest.double(12, .infinity), "CFGScale"),
        ("guidance below all", RawRequest.double(12, -.infinity), "CFGScale"),
        ("a strength that is no number", RawRequest.double(29, .nan), "strength"),
        ("an eta that is no number", RawRequest.double(30, .nan), "eta"),
        ("a rescale that is no number", RawRequest.double(23, .nan), "guidanceRescale"),
        ("no steps", RawRequest.number(9, 0), "steps"),
        ("2^31 steps", RawRequest.number(9, 1 << 31), "steps"),
        ("a width below all models'", RawRequest.number(7, 0), "width"),
        ("a width over the limit", RawRequest.number(7, 65536), "width"),
        ("a height between multiples of 8", RawRequest.number(8, 63), "height"),
        ("no pictures", RawRequest.number(13, 0), "numberResults"),
        ("2^32 - 1 pictures", RawRequest.number(13, 0xFFFF_FFFF), "numberResults"),
        ("a seed below all", RawRequest.number(11, UInt64(bitPattern: Int64.min)), "seed"),
        ("a history that nobody knows", RawRequest.number(31, 77), "handoffHistory"),
        (
            "a LoRA for an expert that nobody knows",
            RawRequest.bytes(24, RawRequest.bytes(1, [0x6C]) + RawRequest.number(3, 9)),
            "lora[0].applyTo"
        ),
        (
            "a handoff that is no number",
            RawRequest.bytes(
                14, RawRequest.bytes(1, Array("refiner".utf8)) + RawRequest.double(5, .nan)),
            "refiner.startSigma"
        ),
    ]

    @Test("a value that cannot be is refused by its field, and nothing is queued")
    func badValues() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            for (what, bytes, field) in Self.badValues {
                for method in [Method.generate, .submit] {
                    let request = RawRequest(
                        service: method.service, method: method.name,
                        payload: RawRequest.bytes(2, Array("a lake".utf8)) + bytes)
                    try client.socket.write(request.frame(on: 11))
                    let error = try client.nextFrame().flatMap(RawRequest.error)
                    #expect(error?.status == .invalidArgument, "\(what)")
                    let fields = error?.fields ?? []
                    #expect(fields.contains(field), "\(what): \(fields)")
                }
            }
            var asking = try server.client()
            guard case .stats(let stats) = try asking.call(.getStats) else { return }
            #expect(stats.accepted == 0)
            #expect(stats.refused <= UInt64(2 * Self.badValues.count))
            #expect(server.control.stepCount == 0)
        }
    }

    // MARK: Ends

    @Test func `a storm of resets ends each one's job, and says no more than that`() async throws {
        try await RunningServer.with(lanes: 2, queueLimit: 100) { server in
            server.control.hold(beforeStep: 2)
            let count = 40
            for number in 0..<count {
                var client = try server.client()
                _ = try client.send(.generate(.picture(steps: 50, id: "\(number)")))
                // In the middle of its stream, or of a frame.
                if number % 2 == 0 { _ = try client.nextEvent() }
                if number % 3 == 0 { try client.socket.write([0, 0, 0]) }
                client.socket.reset()
            }
            try await server.wait { $0.connections == 1 }
            server.control.release()
            try await server.wait { $0.cancelled == UInt64(count) || $0.accepted < UInt64(count) }
            server.control.waitUntilIdle()
            try await server.wait { $0.queued == 0 && $0.running == 0 }
            // A line for each call and one for each connection, and none of them a warning.
            let lines = server.log.lines
            #expect(lines.count <= 3 * count + 20, "\(lines.count) lines")
            #expect(!lines.contains { $0.hasPrefix("warning") || $0.hasPrefix("error") })
        }
    }

    // MARK: Readers

    @Test func `fifty watchers that stop reading hold back nobody, and still get every picture`()
        async throws
    {
        let images = 4
        // Noise does not compress: each picture is this large and a little more.
        let pictureByteCount = 512 * 512 * 3
        let configuration = ServerConfiguration.testing {
            $0.outputHighWatermark = 128 << 10
            $0.outputLowWatermark = 32 << 10
            // Who has more than one picture beyond the watermark waiting would be cut.
            $0.outputByteLimit = 128 << 10 + pictureByteCount + 64 << 10
        }
        try await RunningServer.with(configuration: configuration) { server in
            var request = GenerationRequest.picture(steps: 10, id: "watched")
            (request.width, request.height, request.numberResults) = (512, 512, images)
            server.control.hold(beforeStep: 1)
            var submitter = try server.client()
            guard case .job = try submitter.call(.submit(request)) else { return }
            var stalled: [WireClient] = []
            for _ in 0..<50 {
                var client = WireClient(
                    try RawSocket(port: server.port, receiveBufferByteCount: 4096))
                _ = try client.send(.watch(jobID: "watched", after: 0))
                #expect(try client.nextEvent().kind == "accepted")
                stalled.append(client)
            }
            var healthy = try server.client()
            _ = try healthy.send(.watch(jobID: "watched", after: 0))
            server.control.release()

            let events = try healthy.remainingEvents()
            #expect(events.compactMap(\.image).map(\.imageIndex) == Array(0..<images))
            #expect(events.last?.image?.summary != nil)
            #expect(grows(events.map(\.sequence)))
            try await server.wait { $0.finished == 1 }
            // Nobody was cut, so nobody had more than the limit waiting.
            try await server.wait { $0.connections == 53 }

            for index in stalled.indices {
                let late = try stalled[index].remainingEvents()
                #expect(late.compactMap(\.image) == events.compactMap(\.image))
                #expect(grows(late.map(\.sequence)))
                stalled[index].socket.close()
            }
        }
    }

    @Test func `who takes nothing from a Unix socket is cut, and the job goes on for others`()
        async throws
    {
        let file = TemporaryPath()
        let configuration = ServerConfiguration.testing {
            $0.outputHighWatermark = 64 << 10
            $0.unacknowledgedTimeout = .milliseconds(200)
        }
        try await RunningServer.with(
            listeningOn: ["127.0.0.1:0", "unix:\(file.path)"], configuration: configuration
        ) { server in
            var request = GenerationRequest.picture(steps: 4, id: "watched")
            (request.width, request.height) = (1024, 1024)
            var submitter = try server.client()
            guard case .job = try submitter.call(.submit(request)) else { return }
            var stalled = WireClient(try RawSocket(path: file.path))
            _ = try stalled.send(.watch(jobID: "watched", after: 0))
            #expect(try stalled.nextEvent().kind == "accepted")
            try await server.wait { $0.finished == 1 && $0.connections == 2 }
            #expect(server.log.lines.contains { $0.contains("ETIMEDOUT") })
            #expect(server.jobs.metrics.snapshot.connectionsCut == [.unread: 1])
            guard
                case .imageChunk(let chunk) = try submitter.call(
                    .readImage(ImagePart(jobID: "watched", imageIndex: 0)))
            else { return }
            #expect(chunk.byteCount > 1024 * 1024 * 3)
            stalled.socket.close()
        }
    }

    @Test func `what all peers hold together is limited, at the cost of the greediest`()
        async throws
    {
        try await RunningServer.with(
            configuration: .testing { $0.connectionsByteLimit = 3 << 20 }
        ) { server in
            // Frames of a megabyte that are not finished.
            func begin(_ byteCount: Int) throws -> RawSocket {
                let socket = try RawSocket(port: server.port)
                let length = UInt32(1 << 20)
                let header =
                    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> UInt32($0)) }
                    + [0, 0, 0, 1, 1, 0]
                try socket.write(header + [UInt8](repeating: 0, count: byteCount))
                return socket
            }
            var modest = try server.client()
            #expect(try modest.call(.ping([1])) == .pong([1]))
            let small = try (0..<2).map { _ in try begin(100_000) }
            let large = try begin(1_000_000)
            let others = try (0..<2).map { _ in try begin(900_000) }
            try await server.wait { $0.connections == 7 }
            #expect(try modest.call(.ping([2])) == .pong([2]))
            // The straw that is one too many: the largest goes, and all others stay.
            let straw = try begin(500_000)
            #expect((try? large.readToEnd()) ?? [] == [])
            try await server.wait { $0.connections == 7 }
            #expect(server.log.lines.count { $0.contains("it held the most") } == 1)
            #expect(server.jobs.metrics.snapshot.connectionsCut == [.greediest: 1])
            #expect(try modest.call(.ping([3])) == .pong([3]))
            for socket in small + others + [straw] { socket.close() }
            try await server.wait { $0.connections == 2 }
            // What is gone is held no more.
            let again = try begin(1_000_000)
            try await server.wait { $0.connections == 3 }
            #expect(server.log.lines.count { $0.contains("it held the most") } == 1)
            again.close()
        }
    }
}
