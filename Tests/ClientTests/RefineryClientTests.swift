import Client
import Generation
import Testing
import Wire

@Suite("The client", .timeLimit(.minutes(15)))
struct RefineryClientTests {
    static let queued = Event(
        jobID: "j", sequence: 1, timeMilliseconds: 0,
        content: .queued(Event.Queued(place: 0, etaSeconds: nil)))

    static let refusal = GenerationError(
        .invalidArgument, code: "invalidSteps", "steps is 0", fields: ["steps"])

    /// Runs `body` with a client of a server that goes by `script`.
    static func withClient(
        options: RefineryClient.Options = RefineryClient.Options(),
        _ script: @escaping ScriptedServer.Script,
        _ body: (RefineryClient, ScriptedServer) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer(script)
        defer { server.stop() }
        let client = try RefineryClient(server.address, options: options)
        defer { client.close() }
        try await body(client, server)
    }

    /// Answers Ping only.
    static let pingScript: ScriptedServer.Script = { wire, call in
        guard case .ping(let payload) = call.request else { return nil }
        return wire.send(.pong(payload), on: call.stream)
    }

    @Test func `short calls go over one connection, also many at a time`() async throws {
        try await Self.withClient(Self.pingScript) { client, server in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<50 as Range<UInt8> {
                    group.addTask { try await client.ping([index]) == [index] }
                }
                for try await isRight in group { #expect(isRight) }
            }
            server.stop()
            var connectionCount = 0
            for await _ in server.closings { connectionCount += 1 }
            #expect(connectionCount == 1)
        }
    }

    @Test func `the events of a Generate come in order, then the end`() async throws {
        let script: ScriptedServer.Script = { wire, call in
            var frames: [UInt8] = []
            for sequence in 1...20 as ClosedRange<UInt64> {
                var event = Self.queued
                event.sequence = sequence
                frames += wire.send(.event(event), on: call.stream) ?? []
            }
            return frames + (wire.finish(call.stream) ?? [])
        }
        try await Self.withClient(script) { client, server in
            var sequences: [UInt64] = []
            for try await event in client.generate(GenerationRequest()) {
                sequences.append(event.sequence)
            }
            #expect(sequences == Array(1...20))
            // Its connection is closed with it.
            var closings = server.closings.makeAsyncIterator()
            await closings.next()
        }
    }

    @Test func `what the server refuses is thrown as it said it`() async throws {
        let script: ScriptedServer.Script = { $0.fail($1.stream, with: Self.refusal) }
        try await Self.withClient(script) { client, _ in
            await #expect(throws: Self.refusal) { try await client.serverInfo() }
            await #expect(throws: Self.refusal) {
                for try await _ in client.generate(GenerationRequest()) {}
            }
        }
    }

    @Test func `cancelling the task of a Generate closes its connection`() async throws {
        let script: ScriptedServer.Script = { wire, call in
            wire.send(.event(Self.queued), on: call.stream)
        }
        try await Self.withClient(script) { client, server in
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let task = Task {
                for try await _ in client.generate(GenerationRequest()) { start.yield() }
            }
            var starts = started.makeAsyncIterator()
            await starts.next()
            task.cancel()
            var closings = server.closings.makeAsyncIterator()
            await closings.next()
            try await task.value
        }
    }

    @Test func `leaving the loop over a Generate's events closes its connection`() async throws {
        let script: ScriptedServer.Script = { wire, call in
            wire.send(.event(Self.queued), on: call.stream)
        }
        try await Self.withClient(script) { client, server in
            for try await _ in client.generate(GenerationRequest()) { break }
            var closings = server.closings.makeAsyncIterator()
            await closings.next()
        }
    }

    @Test func `a connection that ends early ends its calls, and the next call makes a new one`()
        async throws
    {
        try await Self.withClient(Self.pingScript) { client, _ in
            for _ in 0..<2 {
                let error = await #expect(throws: ClientError.self) {
                    try await client.serverStats()
                }
                guard case .connectionLost = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                let pong = try await client.ping([1])
                #expect(pong == [1])
            }
        }
    }

    @Test func `a silent server is given up`() async throws {
        var options = RefineryClient.Options()
        options.silenceLimit = .milliseconds(50)
        let script: ScriptedServer.Script = { _, _ in [] }
        try await Self.withClient(options: options, script) { client, _ in
            let error = await #expect(throws: ClientError.self) { try await client.ping() }
            guard case .silent = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func `where nobody listens is unreachable`() async throws {
        // The port of a server that is gone.
        let server = try await ScriptedServer(Self.pingScript)
        server.stop()
        for address in [server.address, "unix:/tmp/no-such-refinery.sock"] {
            let client = try RefineryClient(address)
            defer { client.close() }
            let error = await #expect(throws: ClientError.self) { try await client.ping() }
            guard case .unreachable(let message) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(message.contains(address))
        }
    }

    @Test(arguments: ["", "localhost", "1.2.3.4:99999", "unix:"])
    func `what is no address is refused at once`(address: String) throws {
        let error = #expect(throws: ClientError.self) { try RefineryClient(address) }
        guard case .invalidAddress = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `closing ends calls in progress and refuses later ones`() async throws {
        let script: ScriptedServer.Script = { wire, call in
            wire.send(.event(Self.queued), on: call.stream)
        }
        try await Self.withClient(script) { client, _ in
            await #expect(throws: ClientError.closed) {
                for try await _ in client.generate(GenerationRequest()) { client.close() }
            }
            await #expect(throws: ClientError.closed) { try await client.ping() }
        }
    }
}
