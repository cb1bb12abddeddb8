import Generation
import Server
import TestSupport
import Testing
import Transport
import Wire

@Suite(.timeLimit(.minutes(15)))
struct StopTests {
    @Test func `an idle server stops, closes its connections and takes no more`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            #expect(try client.call(.ping([1])) == .pong([1]))
            await server.server.stop()
            #expect(try client.nextAction() == nil)
            #expect(throws: RawSocket.Failure.self) { _ = try server.client() }
        }
    }

    @Test func `stopping without grace ends running and queued jobs with UNAVAILABLE`()
        async throws
    {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 3)
            var running = try server.client()
            _ = try running.send(.generate(.picture()))
            server.control.waitUntilHeld()
            var queued = try server.client()
            _ = try queued.send(.generate(.picture()))
            #expect(try queued.nextEvent().kind == "accepted")
            await server.server.stop()
            for var client in [running, queued] {
                let error = try #require(throws: GenerationError.self) {
                    try client.remainingEvents()
                }
                #expect(error.status == .unavailable)
                #expect(error.retryable)
                #expect(try client.nextAction() == nil)
            }
            // Both are cancelled: the held one does the step it is in and no other.
            server.control.release()
            server.control.waitUntilIdle()
            #expect(server.control.stepCount == 3)
        }
    }

    @Test func `with grace the running job is finished, while new ones are refused`() async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 3)
            var client = try server.client()
            _ = try client.send(.generate(.picture()))
            server.control.waitUntilHeld()
            var observer = try server.client()
            #expect(try observer.call(.checkHealth(service: "")) == .health(.serving))
            async let stopped: Void = server.server.stop(grace: .seconds(60))
            while try observer.call(.checkHealth(service: "")) == .health(.serving) {
                try await Task.sleep(for: .milliseconds(1))
            }
            #expect(try observer.call(.checkHealth(service: "")) == .health(.notServing))
            #expect(throws: RawSocket.Failure.self) { _ = try server.client() }
            _ = try observer.send(.generate(.picture()))
            let error = try #require(throws: GenerationError.self) { try observer.nextEvent() }
            #expect(error.status == .unavailable)

            server.control.release()
            #expect(try client.remainingEvents().last?.image?.summary != nil)
            #expect(try client.nextAction() == nil)
            await stopped
        }
    }

    @Test func `a second stop cuts the first one's grace short`() async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 3)
            var client = try server.client()
            _ = try client.send(.generate(.picture()))
            server.control.waitUntilHeld()
            async let first: Void = server.server.stop(grace: .seconds(3600))
            await server.server.stop()
            await first
            let error = try #require(throws: GenerationError.self) {
                try client.remainingEvents()
            }
            #expect(error.status == .unavailable)
        }
    }

    @Test func `a stopped server cannot be started again`() async throws {
        try await RunningServer.with { server in
            await server.server.stop()
            await server.server.stop()
            let error = try await #require(throws: TransportError.self) {
                try await server.server.start(listeningOn: [try SocketAddress("127.0.0.1:0")])
            }
            #expect(error.kind == .stopped)
        }
    }
}
