import Generation
import Server
import TestSupport
import Testing
import Wire

@Suite(.timeLimit(.minutes(15)))
struct GenerateTests {
    @Test func `a picture comes as Data frames and one empty Data with flags 5`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let (stream, frame) = try client.frame(of: .generate(.picture()))
            try client.socket.write(frame)
            var events: [Event] = []
            while let frame = try client.nextFrame() {
                #expect(frame.stream == stream)
                #expect(frame.type == .data)
                if frame.flags != [] {
                    #expect(frame.flags.rawValue == 0x05)
                    #expect(frame.payload.isEmpty)
                    break
                }
                guard case .event(let event) = try CallReply(.generate, decoding: frame.payload)
                else { continue }
                events.append(event)
            }
            #expect(events.last?.image?.summary != nil)

            // Nothing follows on this stream: the next frame is the answer to the next call.
            let (next, ping) = try client.frame(of: .ping([1]))
            try client.socket.write(ping)
            #expect(try client.nextFrame()?.stream == next)
        }
    }

    @Test func `events come in order, tagged with the expert that did the step`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 5, id: "mine").refined(from: 4)))
            let events = try client.remainingEvents()
            #expect(
                events.map(\.kind) == [
                    "accepted", "queued", "textEncoding 0/1", "textEncoding 1/1", "base 1/3",
                    "base 2/3", "base 3/3", "handedOff", "refiner 1/2", "refiner 2/2",
                    "decoding 0/1", "decoding 1/1", "image 0",
                ])
            #expect(grows(events.map(\.sequence)))
            #expect(events.allSatisfy { $0.jobID == "mine" })

            guard case .accepted(let plan) = events[0].content else { return }
            #expect(plan.handoff?.step == 4)
            #expect(plan.baseSteps == 3 && plan.refinerSteps == 2)
            #expect(events.compactMap(\.progress).map(\.step) == [0, 0, 1, 2, 3, 4, 5, 5, 5])

            let image = try #require(events.last?.image)
            #expect(image.png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            #expect(image.sha256 == SHA256.digest(of: image.png))
            #expect(image.summary?.baseSteps == 3 && image.summary?.refinerSteps == 2)
        }
    }

    @Test func `several pictures come one by one, and the last completes the job`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            var request = GenerationRequest.picture()
            request.numberResults = 3
            _ = try client.send(.generate(request))
            let images = try client.remainingEvents().compactMap(\.image)
            #expect(images.map(\.imageIndex) == [0, 1, 2])
            #expect(images.map(\.seed) == [7, 8, 9])
            #expect(images.map { $0.summary != nil } == [false, false, true])
            #expect(Set(images.map(\.sha256)).count == 3)
        }
    }

    @Test func `equal requests give equal bytes`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            var pictures: [[UInt8]] = []
            for id in ["first", "second"] {
                _ = try client.send(.generate(.picture(id: id)))
                pictures += try client.remainingEvents().compactMap(\.image).map(\.png)
            }
            #expect(pictures.count == 2)
            #expect(pictures.first == pictures.last)
        }
    }

    @Test func `a job that fails ends in a status, and the next one works`() async throws {
        try await RunningServer.with { server in
            server.control.fail(atStep: 3)
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 4)))
            var kinds: [String] = []
            let error = try #require(throws: GenerationError.self) {
                while true { kinds.append(try client.nextEvent().kind) }
            }
            #expect(error.status == .internal)
            #expect(error.code == "fakeFailure")
            #expect(kinds.last == "base 2/4")

            _ = try client.send(.generate(.picture(steps: 2)))
            #expect(try client.remainingEvents().last?.image != nil)
        }
    }

    @Test func `a request out of range is refused with the field's name`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 101)))
            let error = try #require(throws: GenerationError.self) { try client.nextEvent() }
            #expect(error.status == .invalidArgument)
            #expect(error.fields == ["steps"])
            try await server.wait { $0.refused == 1 && $0.accepted == 0 }
        }
    }

    @Test func `a picture too large for a frame is refused before it is begun`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            var request = GenerationRequest.picture()
            request.width = 2048
            request.height = 2048
            _ = try client.send(.generate(request))
            let error = try #require(throws: GenerationError.self) { try client.nextEvent() }
            #expect(error.status == .invalidArgument)
            #expect(server.control.stepCount == 0)
        }
    }

    @Test func `a picture that fits no frame after all ends its call and not the connection`()
        async throws
    {
        let limits = GenerationLimits(sideMaximum: 2048, pixelMaximum: .max)
        try await RunningServer.with(limits: limits) { server in
            var client = try server.client()
            var request = GenerationRequest.picture(steps: 1)
            request.width = 1536
            request.height = 1024
            _ = try client.send(.generate(request))
            let error = try #require(throws: GenerationError.self) {
                try client.remainingEvents()
            }
            #expect(error.status == .resourceExhausted)
            #expect(try client.call(.ping([1])) == .pong([1]))
        }
    }

    @Test func `a full queue refuses the next job and leaves the others alone`() async throws {
        try await RunningServer.with(queueLimit: 2) { server in
            server.control.hold(beforeStep: 2)
            var client = try server.client()
            let running = try client.send(.generate(.picture()))
            server.control.waitUntilHeld()
            let queued = [
                try client.send(.generate(.picture())), try client.send(.generate(.picture())),
            ]
            let refused = try client.send(.generate(.picture()))
            var refusal: GenerationError?
            while refusal == nil {
                if case .failed(let stream, let error) = try client.nextAction() {
                    #expect(stream == refused)
                    refusal = error
                }
            }
            #expect(refusal?.status == .resourceExhausted)
            #expect(refusal?.retryable == true)

            server.control.release()
            var finished: [StreamID] = []
            while finished.count < 3 {
                if case .finished(let stream) = try client.nextAction() { finished.append(stream) }
            }
            #expect(finished == [running] + queued)
        }
    }

    @Test func `a call's timeout ends a running job before its next step`() async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            var client = try server.client()
            _ = try client.send(.generate(.picture()), timeout: .milliseconds(200))
            server.control.waitUntilHeld()
            try await Task.sleep(for: .milliseconds(250))
            server.control.release()
            let error = try #require(throws: GenerationError.self) {
                try client.remainingEvents()
            }
            #expect(error.status == .deadlineExceeded)
            #expect(server.control.stepCount <= 2)
        }
    }

    @Test func `a call's timeout ends a queued job that never ran`() async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 1)
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 1)))
            server.control.waitUntilHeld()
            var hasty = try server.client()
            _ = try hasty.send(.generate(.picture(steps: 100)), timeout: .milliseconds(1))
            #expect(try hasty.nextEvent().kind == "accepted")
            // While the lane is held.
            let error = try #require(throws: GenerationError.self) { try hasty.remainingEvents() }
            #expect(error.status == .deadlineExceeded)
            server.control.release()
            try await server.wait { $0.finished == 1 }
            #expect(server.control.stepCount == 1)
        }
    }

    @Test func `a long step is not silent: its progress is told again`() async throws {
        try await RunningServer.with(
            configuration: .testing { $0.progressInterval = .milliseconds(10) }
        ) {
            server in
            server.control.hold(beforeStep: 3)
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 4)))
            var events: [Event] = []
            while events.filter({ $0.progress?.step == 2 }).count < 3 {
                events.append(try client.nextEvent())
            }
            server.control.release()
            events += try client.remainingEvents()
            #expect(grows(events.map(\.sequence)))
            let repeated = events.compactMap(\.progress).filter { $0.step == 2 }
            let elapsed = repeated.map(\.elapsedSeconds)
            #expect(zip(elapsed, elapsed.dropFirst()).allSatisfy(<))
            #expect(events.last?.image?.summary != nil)
        }
    }

    @Test func `a waiting job is not silent either`() async throws {
        try await RunningServer.with(
            configuration: .testing { $0.progressInterval = .milliseconds(10) }
        ) {
            server in
            server.control.hold(beforeStep: 1)
            var first = try server.client()
            _ = try first.send(.generate(.picture()))
            server.control.waitUntilHeld()
            var second = try server.client()
            _ = try second.send(.generate(.picture()))
            var kinds: [String] = []
            while kinds.count < 4 { kinds.append(try second.nextEvent().kind) }
            #expect(kinds == ["accepted", "queued", "queued", "queued"])
        }
    }

    @Test func `sums close while jobs finish, fail, run, wait and are cancelled`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 2)))
            _ = try client.remainingEvents()
            server.control.fail(atStep: 5)
            _ = try client.send(.generate(.picture(steps: 5)))
            _ = try? client.remainingEvents()
            server.control.hold(beforeStep: 2)
            _ = try client.send(.generate(.picture(steps: 2)))
            server.control.waitUntilHeld()
            _ = try client.send(.generate(.picture(steps: 2)))
            var leaving = try server.client()
            _ = try leaving.send(.generate(.picture(steps: 2)))
            #expect(try leaving.nextEvent().kind == "accepted")
            leaving.socket.close()
            try await server.wait { stats in
                stats.accepted == 5 && stats.finished == 1 && stats.failed == 1
                    && stats.cancelled == 1 && stats.running == 1 && stats.queued == 1
            }
            server.control.release()
            try await server.wait { $0.finished == 3 && $0.running == 0 && $0.queued == 0 }
        }
    }
}
