import Generation
import Jobs
import Metrics
import Server
import TestSupport
import Testing
import Wire

@Suite(.timeLimit(.minutes(15)))
struct ConnectionTests {
    @Test func `a request may arrive one byte at a time`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let (_, frame) = try client.frame(of: .generate(.picture(steps: 2)))
            for byte in frame { try client.socket.write([byte]) }
            #expect(try client.remainingEvents().last?.image != nil)
        }
    }

    @Test func `a request may be cut anywhere`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let length = try client.frame(of: .ping([1, 2, 3])).frame.count
            for cut in 1..<length {
                let (stream, frame) = try client.frame(of: .ping([1, 2, 3]))
                try client.socket.write(Array(frame[..<cut]))
                // Let the pieces arrive apart, now and then.
                if cut % 7 == 0 { try await Task.sleep(for: .milliseconds(1)) }
                try client.socket.write(Array(frame[cut...]))
                #expect(try client.nextAction() == .lastMessage(stream, .pong([1, 2, 3])))
            }
        }
    }

    @Test func `a hundred requests in one write are all answered, each on its stream`()
        async throws
    {
        try await RunningServer.with { server in
            var client = try server.client()
            var bytes: [UInt8] = []
            var expected: [ClientConnectionState.Action] = []
            for number in 0..<100 {
                let (stream, frame) = try client.frame(of: .ping([UInt8(number)]))
                bytes += frame
                expected.append(.lastMessage(stream, .pong([UInt8(number)])))
            }
            try client.socket.write(bytes)
            for action in expected { #expect(try client.nextAction() == action) }
        }
    }

    @Test(
        "what is wrong with one call costs that call and not the connection",
        arguments: [
            (service: "refinery.v1.Nobody", method: "Ping", payload: [], StatusCode.unimplemented),
            (service: "refinery.v1.Server", method: "Pong", payload: [], .unimplemented),
            (service: "", method: "", payload: [], .unimplemented),
            (service: "refinery.v1.Server", method: "Ping", payload: [0xFF], .invalidArgument),
            (
                service: "refinery.v1.ImageGeneration", method: "Generate", payload: [0x0A, 0x05],
                .invalidArgument
            ),
            (
                service: "refinery.v1.Server", method: "Ping",
                payload: [UInt8](repeating: 0, count: 70_000), .resourceExhausted
            ),
        ])
    func refused(
        service: String, method: String, payload: [UInt8], status: StatusCode
    ) async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let request = RawRequest(service: service, method: method, payload: payload)
            try client.socket.write(request.frame(on: 11))
            #expect(try client.nextFrame().flatMap(RawRequest.error)?.status == status)

            let (stream, ping) = try client.frame(of: .ping([1]))
            try client.socket.write(ping)
            #expect(try client.nextFrame()?.stream == stream)
        }
    }

    @Test func `an envelope that is no protobuf is refused on its stream`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let frame = Frame(stream: 3, type: .request, payload: [0xFF, 0xFF, 0xFF])
            try client.socket.write(frame.encoded())
            let answer = try client.nextFrame()
            #expect(answer?.stream == 3)
            #expect(answer.flatMap(RawRequest.error)?.status == .invalidArgument)
        }
    }

    @Test(
        "a frame over the limit is thrown away as it arrives and refused",
        arguments: [64 << 10 + 1, 1 << 20, 1 << 20 + 1, 4 << 20, 4 << 20 + 1, 16 << 20 - 1])
    func oversized(byteCount: Int) async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let length = UInt32(byteCount)
            let header =
                [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> UInt32($0)) }
                + [0, 0, 0, 5, 1, 0]
            try client.socket.write(header + [UInt8](repeating: 0xAA, count: byteCount))
            let answer = try client.nextFrame()
            #expect(answer?.stream == 5)
            #expect(answer.flatMap(RawRequest.error)?.status == .resourceExhausted)
            let (stream, ping) = try client.frame(of: .ping([1]))
            try client.socket.write(ping)
            #expect(try client.nextFrame()?.stream == stream)
        }
    }

    @Test(
        "a peer that speaks something else is cut without an answer, and counted",
        arguments: [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 3, 1],
            Array("PRI * HTTP/2.0\r\n\r\n".utf8),
            [UInt8](repeating: 0xFF, count: 10), [1],
        ])
    func otherProtocol(greeting: [UInt8]) async throws {
        try await RunningServer.with { server in
            let client = try server.client()
            try client.socket.write(greeting)
            // The end, or a reset: never a byte.
            #expect((try? client.socket.readToEnd()) ?? [] == [])
            try await server.wait { $0.connections == 1 && $0.connectionsNotTTRPC == 1 }
            #expect(server.jobs.metrics.snapshot.connectionsCut == [.notTTRPC: 1])
        }
    }

    @Test(
        "a stream id that may not be opened is refused, and the open stream goes on",
        arguments: [0, 2, 1] as [UInt32])
    func streamID(id: UInt32) async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 1)
            var client = try server.client()
            let (open, frame) = try client.frame(of: .generate(.picture(steps: 1)))
            try client.socket.write(frame)
            server.control.waitUntilHeld()
            let ping = RawRequest(service: "refinery.v1.Server", method: "Ping", payload: [])
            try client.socket.write(ping.frame(on: StreamID(rawValue: id)))
            var answer = try client.nextFrame()
            while answer?.type == .data { answer = try client.nextFrame() }
            #expect(answer?.stream.rawValue == id)
            #expect(answer.flatMap(RawRequest.error)?.status == .invalidArgument)

            server.control.release()
            while let frame = try client.nextFrame(), frame.flags != [.remoteClosed, .noData] {
                #expect(frame.stream == open)
            }
        }
    }

    @Test(
        "a connection that ends takes its job with it, within one step",
        arguments: ["close", "half close", "reset"])
    func closing(how: String) async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 50)))
            server.control.waitUntilHeld()
            switch how {
            case "close": client.socket.close()
            case "half close": client.socket.endWriting()
            default: client.socket.reset()
            }
            // The one that asks is the only one left.
            try await server.wait { $0.connections == 1 }
            server.control.release()
            try await server.wait { $0.cancelled == 1 }
            server.control.waitUntilIdle()
            #expect(server.control.stepCount == 2)
        }
    }

    @Test func `connections do not disturb each other`() async throws {
        try await RunningServer.with(lanes: 2) { server in
            server.control.hold(beforeStep: 2)
            var first = try server.client()
            var second = try server.client()
            _ = try first.send(.generate(.picture(id: "first")))
            _ = try second.send(.generate(.picture(id: "second")))
            server.control.waitUntilHeld(2)
            // Rubbish on a third is no business of the others.
            let third = try server.client()
            try third.socket.write([0xFF])
            var fourth = try server.client()
            #expect(try fourth.call(.ping([4])) == .pong([4]))

            first.socket.close()
            try await server.wait { $0.connections == 3 }
            server.control.release()
            let events = try second.remainingEvents()
            #expect(events.allSatisfy { $0.jobID == "second" })
            #expect(events.last?.image != nil)
        }
    }

    @Test func `a reader that pauses loses progress, but no picture and not the end`()
        async throws
    {
        try await RunningServer.with { server in
            var client = WireClient(
                try RawSocket(port: server.port, receiveBufferByteCount: 4096))
            var request = GenerationRequest.picture(steps: 20)
            request.width = 1024
            request.height = 1024
            request.numberResults = 4
            _ = try client.send(.generate(request))
            try await server.wait { $0.finished == 1 }

            let events = try client.remainingEvents()
            #expect(grows(events.map(\.sequence)))
            #expect(events.compactMap(\.image).map(\.imageIndex) == [0, 1, 2, 3])
            #expect(events.last?.image?.summary != nil)
            // 20 steps and the beginning and end of a decoding for each picture, and the text's.
            #expect(events.compactMap(\.progress).count < 4 * 22 + 2)
        }
    }

    @Test func `a reader too far behind is cut, and its job with it`() async throws {
        try await RunningServer.with(configuration: .testing { $0.outputByteLimit = 1 << 20 }) {
            server in
            var client = WireClient(
                try RawSocket(port: server.port, receiveBufferByteCount: 4096))
            var request = GenerationRequest.picture(steps: 1)
            request.width = 1024
            request.height = 1024
            request.numberResults = 20
            _ = try client.send(.generate(request))
            try await server.wait { $0.cancelled == 1 && $0.connections == 1 }
            #expect(throws: (any Error).self) { try client.remainingEvents() }
            #expect(server.log.lines.contains { $0.contains("the peer does not read") })
            #expect(server.jobs.metrics.snapshot.connectionsCut == [.unread: 1])
        }
    }

    @Test(
        "a frame that is begun and not finished costs the connection",
        arguments: [[0], [0, 0, 0, 5, 0], [0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 1, 2, 3]] as [[UInt8]])
    func unfinished(bytes: [UInt8]) async throws {
        try await RunningServer.with(
            configuration: .testing {
                $0.headerTimeout = .milliseconds(20)
                $0.payloadTimeout = .milliseconds(20)
            }
        ) { server in
            // One that says nothing, and one that has said something whole, are left in peace.
            var idle = try server.client()
            var satisfied = try server.client()
            #expect(try satisfied.call(.ping([1])) == .pong([1]))
            let client = try server.client()
            try client.socket.write(bytes)
            #expect((try? client.socket.readToEnd()) ?? [] == [])
            try await server.wait { $0.connectionsCut == 1 && $0.connectionsNotTTRPC == 0 }
            #expect(server.jobs.metrics.snapshot.connectionsCut == [.unfinishedFrame: 1])
            try await Task.sleep(for: .milliseconds(50))
            #expect(try idle.call(.ping([2])) == .pong([2]))
            #expect(try satisfied.call(.ping([3])) == .pong([3]))
        }
    }

    @Test func `trickled bytes win no time for a frame`() async throws {
        try await RunningServer.with(
            configuration: .testing { $0.payloadTimeout = .milliseconds(50) }
        ) {
            server in
            let client = try server.client()
            try client.socket.write([0, 0, 0xFF, 0xFF, 0, 0, 0, 1, 1, 0])
            await #expect(throws: RawSocket.Failure.self) {
                // Ends by the failure, or never.
                while true {
                    try client.socket.write([1])
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
        }
    }

    @Test func `above the connection limit the newcomer is closed`() async throws {
        try await RunningServer.with(configuration: .testing { $0.connectionMaximum = 1 }) {
            server in
            var client = try server.client()
            #expect(try client.call(.ping([1])) == .pong([1]))
            #expect(try server.client().socket.readToEnd() == [])
            #expect(try client.call(.ping([2])) == .pong([2]))
        }
    }
}
