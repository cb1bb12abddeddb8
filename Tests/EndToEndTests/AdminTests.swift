import Generation
import Server
import TestSupport
import Testing
import Transport
import Wire

/// The admin port: a little HTTP, and nothing that hostile bytes could reach.
@Suite(.timeLimit(.minutes(15)))
struct AdminTests {
    private func withAdmin(
        _ body: (RunningServer, UInt16) async throws -> Void
    ) async throws {
        try await RunningServer.with { server in
            let point = ListeningPoint.address(try SocketAddress("127.0.0.1:0"))
            let address = try await server.server.startAdmin(at: point)
            try await body(server, try #require(address.port))
        }
    }

    private func answer(to request: String, on port: UInt16) throws -> String {
        let socket = try RawSocket(port: port)
        try socket.write(Array(request.utf8))
        return String(decoding: try socket.readToEnd(), as: UTF8.self)
    }

    @Test func `healthz says whether the server serves, also while it stops`() async throws {
        try await withAdmin { server, port in
            #expect(
                try answer(to: "GET /healthz HTTP/1.1\r\n\r\n", on: port).hasPrefix("HTTP/1.1 200"))
            await server.server.beginStopping()
            let answer = try answer(to: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", on: port)
            #expect(answer.hasPrefix("HTTP/1.1 503") && answer.hasSuffix("\r\n\r\nstopping\n"))
            #expect(throws: RawSocket.Failure.self) { _ = try server.client() }
        }
    }

    @Test func `metrics count what was done`() async throws {
        try await withAdmin { server, port in
            var client = try server.client()
            _ = try client.send(.generate(.picture(steps: 5).refined(from: 4)))
            _ = try client.remainingEvents()
            _ = try? client.call(.getJob("none"))
            let stranger = try RawSocket(port: server.port)
            try stranger.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            _ = try? stranger.readToEnd()
            try await server.wait { $0.connections == 2 }
            let answer = try answer(to: "GET /metrics?x=1 HTTP/1.0\n\n", on: port)
            for part in [
                "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
                "\nrefinery_jobs_accepted_total 1\n",
                "\nrefinery_jobs_ended_total{outcome=\"finished\"} 1\n",
                "\nrefinery_step_seconds_count{expert=\"base\"} 3\n",
                "\nrefinery_step_seconds_count{expert=\"refiner\"} 2\n",
                "\nrefinery_step_seconds_bucket{expert=\"base\",le=\"+Inf\"} 3\n",
                "\nrefinery_jobs{state=\"paused\"} 0\n", "\nrefinery_memory_reserved_bytes 0\n",
                "\nrefinery_connections_cut_total{cause=\"not_ttrpc\"} 1\n",
                "\nrefinery_connections_cut_total{cause=\"unfinished_frame\"} 0\n",
                "\nrefinery_connections ", "\nrefinery_up 1\n", "\nprocess_open_fds ",
                "{method=\"refinery.v1.ImageGeneration/Generate\",status=\"OK\"} 1\n",
                "{method=\"refinery.v1.ImageGeneration/GetJob\",status=\"NOT_FOUND\"} 1\n",
            ] {
                #expect(answer.contains(part), "\(part)")
            }
            #expect(answer.hasSuffix("\n# EOF\n"))
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", "404"), ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
        ("GET /healthz\r\n\r\n", "400"), ("GET  /healthz HTTP/1.1\r\n\r\n", "400"),
        ("GET /healthz HTTP/2.0\r\n\r\n", "400"), ("\r\n\r\n", "400"), ("\n", "400"),
        ("GET http://x/ HTTP/1.1\r\n\r\n", "400"), ("\u{0}\u{FFFD}\n\n", "400"),
        ("GET /healthz HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 2000), "431"),
        (String(repeating: "x", count: 100_000), "431"),
    ])
    func `a request that is none of ours has its answer`(request: String, status: String)
        async throws
    {
        try await withAdmin { _, port in
            let text = try answer(to: request, on: port)
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
        }
    }

    @Test func `HEAD has the head alone, and a request may come byte by byte`() async throws {
        try await withAdmin { _, port in
            let head = try answer(to: "HEAD /healthz HTTP/1.1\r\n\r\n", on: port)
            #expect(head.contains("Content-Length: 3\r\n") && head.hasSuffix("\r\n\r\n"))
            let socket = try RawSocket(port: port)
            for byte in Array("GET /healthz HTTP/1.1\r\nA: b\r\n\r\n".utf8) {
                try socket.write([byte])
            }
            let whole = String(decoding: try socket.readToEnd(), as: UTF8.self)
            #expect(whole.hasSuffix("ok\n"))
        }
    }

    @Test func `connections are bounded, and idle ones end`() async throws {
        try await withAdmin { _, port in
            var idle: [RawSocket] = []
            for _ in 0..<40 { idle.append(try RawSocket(port: port)) }
            // Those above the limit are closed at once, the others when their time is up.
            for socket in idle {
                let answer = String(decoding: (try? socket.readToEnd()) ?? [], as: UTF8.self)
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 408"))
            }
            #expect(try answer(to: "GET /healthz HTTP/1.1\r\n\r\n", on: port).hasSuffix("ok\n"))
        }
    }

    @Test func `it is for this machine alone`() async throws {
        try await RunningServer.with { server in
            let error = try await #require(throws: TransportError.self) {
                try await server.server.startAdmin(at: .address(try SocketAddress("0.0.0.0:0")))
            }
            #expect(error.kind == .permissionDenied)
        }
    }
}
