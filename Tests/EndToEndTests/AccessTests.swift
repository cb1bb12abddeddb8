import Client
import Generation
import Jobs
import Metrics
import Server
import TestSupport
import Testing
import Transport
import Wire

/// Who may come in, and what they find.
@Suite(.timeLimit(.minutes(15)))
struct AccessTests {
    static let (alice, bob) = ("alice-0123456789", "bob-0123456789abcdef")

    static func tenants(_ more: String = "") throws -> Tenants {
        try Tenants("alice \(alice) \(more)\nbob \(bob)\n", source: "tokens")
    }

    static func bearer(_ token: String) -> [MetadataEntry] {
        [MetadataEntry(key: "authorization", value: "Bearer \(token)")]
    }

    private func withServer(
        _ more: String = "", _ body: (RunningServer) async throws -> Void
    ) async throws {
        let tenants = try Self.tenants(more)
        try await RunningServer.with(configuration: .testing { $0.tenants = tenants }, body)
    }

    private func status(
        of request: CallRequest, _ metadata: [MetadataEntry], on client: inout WireClient
    ) throws -> StatusCode {
        _ = try client.send(request, metadata: metadata)
        switch try client.nextAction() {
        case .failed(_, let error)?: return error.status
        case nil: throw WireClient.Ended()
        default: return .ok
        }
    }

    @Test(arguments: [
        ([], StatusCode.unauthenticated), (bearer(""), .unauthenticated),
        (bearer(alice + "x"), .unauthenticated),
        (bearer(String(alice.dropLast())), .unauthenticated),
        (bearer(String(repeating: "a", count: 60_000)), .unauthenticated),
        ([MetadataEntry(key: "authorization", value: alice)], .unauthenticated),
        ([MetadataEntry(key: "authorization", value: "Basic \(alice)")], .unauthenticated),
        ([MetadataEntry(key: "authorisation", value: "Bearer \(alice)")], .unauthenticated),
        (bearer(alice), .ok), (bearer(bob), .ok),
        ([MetadataEntry(key: "authorization", value: "bearer  \(alice)")], .ok),
    ])
    func `a call is let in with a token, and not without`(
        metadata: [MetadataEntry], expected: StatusCode
    ) async throws {
        try await withServer { server in
            var client = try server.client()
            for request in [CallRequest.ping([]), .getInfo, .listModels, .listJobs(JobFilter())] {
                #expect(try status(of: request, metadata, on: &client) == expected)
            }
            // A stream too, and the connection goes on after a refusal.
            let stream = CallRequest.watch(jobID: "none", after: 0)
            let refused = try status(of: stream, metadata, on: &client)
            #expect(refused == (expected == .ok ? .notFound : .unauthenticated))
            #expect(try client.call(.checkHealth(service: "")) == .health(.serving))
        }
    }

    @Test func `Authenticate marks the connection, for streams without metadata`() async throws {
        try await withServer { server in
            var client = try server.client()
            let error = try #require(throws: GenerationError.self) {
                try client.call(.authenticate(token: "wrong-0123456789"))
            }
            #expect(error.status == .unauthenticated && error.code == "invalidToken")
            #expect(
                try client.call(.authenticate(token: Self.alice))
                    == .authenticated(tenant: "alice"))
            _ = try client.send(.generate(.picture(id: "fox")))
            #expect(try client.remainingEvents().last?.image != nil)
            // A token of the call's own counts before the connection's.
            let other = CallRequest.getJob("fox")
            #expect(try status(of: other, Self.bearer(Self.bob), on: &client) == .notFound)
            #expect(try status(of: other, Self.bearer("wrong"), on: &client) == .unauthenticated)
            #expect(try status(of: other, [], on: &client) == .ok)
        }
    }

    @Test func `the conversation about tokens is the transcript's, byte for byte`() async throws {
        let transcript = try Transcript("authenticate")
        let (said, answer) = (
            transcript.bytes(fromClient: true), transcript.bytes(fromClient: false)
        )
        try await withServer { server in
            // Whole, and cut within each frame, where a token may be begun and not ended.
            for point in [0] + Array(stride(from: 7, to: said.count, by: 29)) {
                let socket = try RawSocket(port: server.port)
                defer { socket.close() }
                try socket.write(Array(said[..<point]))
                try socket.write(Array(said[point...]))
                #expect(try socket.read(answer.count) == answer, "split at \(point)")
            }
        }
    }

    @Test func `without tokens everybody is let in, whatever they bring`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let reply = try client.call(.authenticate(token: "x"), metadata: Self.bearer("y"))
            #expect(reply == .authenticated(tenant: ""))
            #expect(try client.call(.ping([1]), metadata: Self.bearer("y")) == .pong([1]))
        }
    }

    @Test func `a tenant's jobs and pictures are not there for another`() async throws {
        try await withServer { server in
            let address = "127.0.0.1:\(server.port)"
            let alice = try RefineryClient(address, options: .init(token: Self.alice))
            let bob = try RefineryClient(address, options: .init(token: Self.bob))
            defer {
                alice.close()
                bob.close()
            }
            for try await _ in alice.generate(.picture(id: "fox")) {}
            let notFound: [() async throws -> Void] = [
                { _ = try await bob.job("fox") }, { _ = try await bob.cancel("fox") },
                { _ = try await bob.image(0, of: "fox") },
                { for try await _ in bob.watch("fox") {} },
            ]
            for call in notFound {
                let error = await #expect(throws: GenerationError.self) { try await call() }
                #expect(error?.status == .notFound && error?.code == "taskNotFound")
            }
            #expect(try await bob.jobs().jobs.isEmpty)
            // Its name is free for him, and is another job's then.
            let own = try await bob.submit(.picture("another", steps: 2, id: "fox"))
            #expect(own.baseSteps == 2)
            #expect(try await alice.job("fox").baseSteps == 4)
            #expect(try await alice.jobs().jobs.count == 1)
        }
    }

    @Test func `a tenant is told counts of its own alone, and they add up`() async throws {
        try await withServer { server in
            func stats(of token: String, on client: inout WireClient) throws -> ServerStats {
                let reply = try client.call(.getStats, metadata: Self.bearer(token))
                guard case .stats(let stats) = reply else { throw WireClient.Ended() }
                let ended = stats.finished + stats.failed + stats.cancelled
                #expect(
                    stats.accepted
                        == ended + UInt64(stats.queued + stats.running + stats.paused))
                return stats
            }
            let stranger = try RawSocket(port: server.port)
            try stranger.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            _ = try? stranger.readToEnd()
            var (alice, bob) = (try server.client(), try server.client())
            _ = try alice.send(
                .generate(.picture(steps: 5).refined(from: 4)), metadata: Self.bearer(Self.alice))
            _ = try alice.remainingEvents()
            _ = try? alice.call(
                .submit(.picture(steps: 0)), metadata: Self.bearer(Self.alice))
            server.control.hold(beforeStep: 1)
            for id in ["running", "waiting"] {
                _ = try bob.call(.submit(.picture(id: id)), metadata: Self.bearer(Self.bob))
            }
            while try stats(of: Self.bob, on: &bob).running == 0 {
                try await Task.sleep(for: .milliseconds(2))
            }
            var his = try stats(of: Self.bob, on: &bob)
            his.memoryReservedByteCount = 0
            #expect(his == ServerStats(accepted: 2, queued: 1, running: 1, connections: 1))
            let hers = try stats(of: Self.alice, on: &alice)
            #expect((hers.accepted, hers.finished, hers.refused) == (1, 1, 1))
            #expect((hers.baseSteps, hers.refinerSteps, hers.connections) == (3, 2, 1))
            #expect(hers.memoryReservedByteCount == 0)
            // Whoever runs the server sees all, also what is nobody's.
            let all = server.jobs.metrics.snapshot
            #expect((all.jobs.accepted, all.jobs.refused, all.connections) == (3, 1, 2))
            #expect(all.connectionsCut == [.notTTRPC: 1])
        }
    }

    @Test func `more calls than a tenant may make are refused with the time to wait`()
        async throws
    {
        try await withServer("calls-per-minute=5") { server in
            var client = try server.client()
            for _ in 0..<5 {
                #expect(try status(of: .ping([]), Self.bearer(Self.alice), on: &client) == .ok)
            }
            let error = try #require(throws: GenerationError.self) {
                try client.call(.ping([]), metadata: Self.bearer(Self.alice))
            }
            #expect(error.status == .resourceExhausted && error.code == "tooManyCalls")
            #expect(error.retryable)
            #expect((1...12_000).contains(try #require(error.retryAfterMilliseconds)))
            // Nobody else suffers.
            #expect(try status(of: .ping([]), Self.bearer(Self.bob), on: &client) == .ok)
            #expect(try status(of: .checkHealth(service: ""), [], on: &client) == .ok)
        }
    }

    @Test func `a token that has been taken from the list opens nothing more`() async throws {
        try await withServer { server in
            var client = try server.client()
            _ = try client.call(.authenticate(token: Self.alice))
            #expect(try client.call(.ping([1])) == .pong([1]))
            server.server.setTenants(try Tenants("bob \(Self.bob)", source: "tokens"))
            // The loop takes it up with what it does next, which may be a call that has just come.
            var last = StatusCode.ok
            for _ in 0..<1000 where last == .ok {
                last = try status(of: .ping([]), [], on: &client)
            }
            #expect(last == .unauthenticated)
            #expect(try status(of: .ping([]), Self.bearer(Self.bob), on: &client) == .ok)
        }
    }

    @Test func `refusals are in the log, tokens and prompts are not`() async throws {
        try await withServer { server in
            var client = try server.client()
            for _ in 0..<100 {
                _ = try status(of: .ping([]), Self.bearer("wrong-0123456789"), on: &client)
            }
            _ = try client.send(
                .generate(.picture("a secret wish")), metadata: Self.bearer(Self.alice))
            _ = try client.remainingEvents()
            let lines = server.log.lines
            #expect(lines.contains { $0.contains("call refused code=invalidToken") })
            #expect(lines.count { $0.contains("call refused") } <= 20)
            for secret in ["wrong-0123456789", Self.alice, "secret wish"] {
                #expect(!lines.contains { $0.contains(secret) })
            }
        }
    }

    @Test func `prompts are in the log where that is wanted, on one line`() async throws {
        try await RunningServer.with(configuration: .testing { $0.logsPrompts = true }) { server in
            var client = try server.client()
            _ = try client.send(.generate(.picture("a fox\n2026 error forged\u{1B}[2J")))
            _ = try client.remainingEvents()
            let lines = server.log.lines.filter { $0.contains("positive=a fox") }
            #expect(lines.count == 1)
            #expect(lines[0].contains(#"a fox\u{a}2026 error forged\u{1b}[2J"#))
        }
    }

    @Test(arguments: ["0.0.0.0:0", "[::]:0"])
    func `other machines are let in only where tokens are asked for`(address: String) async throws {
        try await RunningServer.with { server in
            let error = try await #require(throws: TransportError.self) {
                try await server.server.start(listeningOn: [try SocketAddress(address)])
            }
            #expect(error.kind == .permissionDenied && error.message.contains("--tokens"))
        }
        try await withServer { server in
            let found = try await server.server.start(listeningOn: [try SocketAddress(address)])
            let port = try #require(found.first?.port)
            var client = try WireClient(port: port)
            #expect(try status(of: .ping([]), [], on: &client) == .unauthenticated)
            #expect(try status(of: .ping([]), Self.bearer(Self.bob), on: &client) == .ok)
        }
    }
}

/// The text that names the tenants.
@Suite struct TenantsTests {
    static let token = "0123456789abcdef"

    @Test func `a line is a name, a token and limits`() throws {
        let tenants = try Tenants(
            """
            # Comment
              alice \(Self.token)A  queued=10 running=1   # and here

            bob\tsha256:\(String(repeating: "0A", count: 32)) calls-per-minute=600 uploads-mib=64\r
            alice \(Self.token)B\r
            """, source: "tokens")
        #expect(tenants.all.map(\.name) == ["alice", "bob"])
        #expect(
            tenants["alice"]?.limits == TenantLimits(queuedMaximum: 10, runningMaximum: 1))
        #expect(tenants["bob"]?.limits == TenantLimits(uploadByteMaximum: 64 << 20))
        #expect(tenants["bob"]?.callsPerMinute == 600)
    }

    @Test(arguments: [
        ("", "names nobody"), ("# alice \(token)", "names nobody"), ("alice", "no token"),
        ("alice short", "16 to 512"), ("alice \(token)\u{E9}", "16 to 512"),
        ("al/ice \(token)", "no tenant's name"), ("\u{1B}[2J \(token)", "no tenant's name"),
        ("alice \(token)\nbob \(token)", "line 2: bob's token is there already"),
        ("alice sha256:00", "64 hex"),
        ("alice sha256:\(String(repeating: "0g", count: 32))", "64 hex"),
        ("alice \(token) queue=1", "Did you mean queued=?"), ("alice \(token) 5", "is no limit"),
        ("alice \(token) queued=0", "1 to 1000000"), ("alice \(token) queued=x", "1 to 1000000"),
        ("alice \(token) queued=1\nalice \(token)B queued=2", "line 2: alice has limits already"),
    ])
    func `what is wrong is said with its line, and without the token`(text: String, said: String) {
        let error = #expect(throws: TenantsError.self) { try Tenants(text, source: "tokens") }
        #expect(error?.message.contains(said) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(Self.token) == false)
        #expect(error?.message.contains("\u{1B}") == false)
    }
}
