import Client
import Generation
import Locking
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
                if sequence == 20 { event.content = Self.jobEvents()[4].content }
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

    /// Five events of a job; the last completes it.
    static func jobEvents() -> [Event] {
        let image = Event.Image(
            png: [1], size: ImageSize(height: 8, width: 8), seed: 1, sha256: [], imageIndex: 0,
            imageCount: 1, summary: Event.Summary())
        return (1...5 as ClosedRange<UInt64>).map { sequence in
            var event = Self.queued
            event.sequence = sequence
            if sequence == 5 { event.content = .image(image) }
            return event
        }
    }

    @Test func `a slow reader leaves what comes in the kernel for a while, and gets it all`()
        async throws
    {
        var events = Self.jobEvents()
        if case .image(var image) = events[4].content {
            image.png = Array(repeating: 7, count: 1 << 20)
            events[4].content = .image(image)
        }
        let script: ScriptedServer.Script = { [events] wire, call in
            var frames: [UInt8] = []
            for event in events { frames += wire.send(.event(event), on: call.stream) ?? [] }
            return frames + (wire.finish(call.stream) ?? [])
        }
        var options = RefineryClient.Options()
        options.readInterval = .milliseconds(20)
        try await Self.withClient(options: options, script) { client, _ in
            let begun = ContinuousClock.now
            var received: [Event] = []
            for try await event in client.generate(GenerationRequest()) { received.append(event) }
            #expect(received == events)
            // A megabyte is sixteen reads at least.
            #expect(ContinuousClock.now - begun > .milliseconds(300))
        }
    }

    @Test(arguments: 0..<5)
    func `events go on where a lost connection broke them off, each once`(cut: Int) async throws {
        let calls = Calls()
        let script: ScriptedServer.Script = { wire, call in
            let isFirst = calls.add(call.request) == 1
            let told = isFirst ? Self.jobEvents().prefix(cut) : Self.jobEvents().dropFirst(cut / 2)
            let frames = told.flatMap { wire.send(.event($0), on: call.stream) ?? [] }
            // A frame's beginning, and then nothing: the silence limit ends the connection.
            return isFirst ? frames + [0, 0] : frames + (wire.finish(call.stream) ?? [])
        }
        var options = RefineryClient.Options()
        options.silenceLimit = .milliseconds(200)
        try await Self.withClient(options: options, script) { client, _ in
            var sequences: [UInt64] = []
            var request = GenerationRequest()
            request.detach = true
            for try await event in client.generate(request) { sequences.append(event.sequence) }
            #expect(sequences == [1, 2, 3, 4, 5])
        }
        let made = calls.all
        #expect(made.count == 2)
        if cut == 0 {
            // Under the same id: no second job.
            #expect(made.first == made.last)
        } else {
            #expect(made.last == .watch(jobID: "j", after: UInt64(cut)))
        }
    }

    @Test func `a job that ended with its connection is told as that`() async throws {
        let calls = Calls()
        let script: ScriptedServer.Script = { wire, call in
            guard calls.add(call.request) == 1 else {
                return wire.fail(
                    call.stream,
                    with: GenerationError(.notFound, code: "taskNotFound", "there is no such job"))
            }
            return (wire.send(.event(Self.queued), on: call.stream) ?? []) + [0, 0]
        }
        var options = RefineryClient.Options()
        options.silenceLimit = .milliseconds(200)
        try await Self.withClient(options: options, script) { client, _ in
            let error = await #expect(throws: ClientError.self) {
                for try await _ in client.generate(GenerationRequest()) {}
            }
            #expect(error?.description.contains("with detach") == true)
        }
    }

    /// A full queue, and a caller with patience for one refusal or for many.
    @Test(arguments: [0, 60])
    func `what is refused for now is asked for again as late as the server says`(seconds: Int)
        async throws
    {
        let calls = Calls()
        var options = RefineryClient.Options()
        options.retryLimit = .seconds(seconds)
        let script: ScriptedServer.Script = { wire, call in
            calls.add(call.request)
            if calls.all.count % 2 == 1 {
                return wire.fail(
                    call.stream,
                    with: GenerationError(
                        .resourceExhausted, code: "queueFull", "", retryable: true,
                        retryAfterMilliseconds: 300))
            }
            if case .ping(let payload) = call.request {
                return wire.send(.pong(payload), on: call.stream)
            }
            return wire.send(.event(Self.jobEvents()[4]), on: call.stream)
        }
        try await Self.withClient(options: options, script) { client, _ in
            let begun = ContinuousClock.now
            if seconds == 0 {
                await #expect(throws: GenerationError.self) { try await client.ping() }
                #expect(calls.all.count == 1)
            } else {
                #expect(try await client.ping([1]) == [1])
                for try await _ in client.generate(GenerationRequest()) {}
                #expect(calls.all.count == 4)
                #expect(ContinuousClock.now - begun >= .milliseconds(600))
                let ids = calls.all.map { call -> String? in
                    if case .generate(let request) = call { request.requestID } else { nil }
                }
                #expect(ids.count == 4 && ids[2] != nil && ids[2] == ids[3])
            }
        }
    }

    /// What no waiting helps against.
    @Test func `what is refused for good is told at once, whatever the patience`() async throws {
        let calls = Calls()
        var options = RefineryClient.Options()
        options.retryLimit = .seconds(60)
        let script: ScriptedServer.Script = { wire, call in
            calls.add(call.request)
            return wire.fail(call.stream, with: Self.refusal)
        }
        try await Self.withClient(options: options, script) { client, _ in
            await #expect(throws: Self.refusal) { try await client.ping() }
            await #expect(throws: Self.refusal) {
                for try await _ in client.generate(GenerationRequest()) {}
            }
        }
        #expect(calls.all.count == 2)
    }

    @Test func `without patience a loss is told at once`() async throws {
        let calls = Calls()
        var options = RefineryClient.Options()
        options.reconnectLimit = .zero
        let script: ScriptedServer.Script = { _, call in
            calls.add(call.request)
            return nil
        }
        try await Self.withClient(options: options, script) { client, _ in
            await #expect(throws: ClientError.self) {
                for try await _ in client.generate(GenerationRequest()) {}
            }
        }
        #expect(calls.all.count == 1)
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

/// What a scripted server was asked.
private final class Calls: Sendable {
    private let requests = Locked<[CallRequest]>([])

    var all: [CallRequest] { requests.withLock { $0 } }

    /// How many there are now.
    @discardableResult
    func add(_ request: CallRequest) -> Int {
        requests.withLock {
            $0.append(request)
            return $0.count
        }
    }
}
