import Foundation
import Generation
import Server
import TestSupport
import Testing
import Transport
import Wire

@Suite(.timeLimit(.minutes(15)))
struct ServiceTests {
    @Test func `the models are listed as the generator has them`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            #expect(try client.call(.listModels) == .models(server.generator.models))
        }
    }

    @Test func `the server says what it is and allows`() async throws {
        try await RunningServer.with(
            lanes: 2, queueLimit: 9,
            configuration: .testing {
                $0.blasCore = "Haswell"
                $0.blasGFLOPS = 68
                $0.threadsPerLane = 3
            }
        ) { server in
            var client = try server.client()
            guard case .info(let info) = try client.call(.getInfo) else { return }
            #expect(info.version == "1.2.3")
            #expect(info.blasCore == "Haswell" && info.blasGFLOPS == 68)
            #expect(info.lanes == 2 && info.threadsPerLane == 3 && info.queueLimit == 9)
            #expect(info.defaultModel == "base")
            #expect(info.requestByteLimit == 64 << 10)
            #expect(info.sideLimit == GenerationLimits().sideMaximum)
            #expect(info.uptimeSeconds > 0)
        }
    }

    @Test(
        "each service is healthy, and so is the whole",
        arguments: [""] + Set(Method.allCases.map(\.service)).sorted())
    func healthy(service: String) async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            #expect(try client.call(.checkHealth(service: service)) == .health(.serving))
        }
    }

    @Test func `the health of an unknown service is NOT_FOUND`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let error = try #require(throws: GenerationError.self) {
                try client.call(.checkHealth(service: "refinery.v1.Nobody"))
            }
            #expect(error.status == .notFound)
            #expect(error.message.contains("refinery.v1.ImageGeneration"))
        }
    }

    @Test func `every address given is listened on, also a name and a Unix socket`() async throws {
        let file = TemporaryPath()
        try await RunningServer.with(
            listeningOn: ["127.0.0.1:0", "localhost:0", "[::1]:0", "unix:\(file.path)"]
        ) { server in
            #expect(server.addresses.count == 4)
            #expect(server.addresses.allSatisfy { $0.isLoopback && $0.port != 0 })
            var clients = [
                try WireClient(port: server.port),
                try WireClient(port: server.addresses[1].port ?? 0),
                WireClient(try RawSocket(path: file.path)),
            ]
            for index in clients.indices {
                #expect(try clients[index].call(.ping([5])) == .pong([5]))
            }
        }
    }

    @Test func `when one address cannot be had, none is`() async throws {
        let file = TemporaryPath()
        try await RunningServer.with { server in
            let addresses = try [SocketAddress("unix:\(file.path)"), server.addresses[0]]
            let error = try await #require(throws: TransportError.self) {
                try await server.server.start(listeningOn: addresses)
            }
            #expect(error.kind == .addressInUse)
            #expect(throws: RawSocket.Failure.self) { _ = try RawSocket(path: file.path) }
            var client = try server.client()
            #expect(try client.call(.ping([1])) == .pong([1]))
        }
    }

    @Test func `a call of a job is one line in the log, and what a client sent is no part of it`()
        async throws
    {
        try await RunningServer.with { server in
            var client = try server.client()
            let request = GenerationRequest.picture("a secret wish", steps: 5, id: "my-job")
            _ = try client.send(.generate(request.refined(from: 4)))
            _ = try client.remainingEvents()
            client.socket.close()
            try await server.wait { $0.connections == 1 }
            let jobs = server.log.lines.filter { $0.contains("call ended") }
            #expect(jobs.count == 1)
            let line = try #require(jobs.first)
            for part in ["debug ", "id=my-job", "size=64x64", "steps=5", "handoff=4", "seconds="] {
                #expect(line.contains(part))
            }
            #expect(line.contains("outcome=finished"))
            #expect(!server.log.lines.contains { $0.contains("secret") })
            let connections = server.log.lines.filter { $0.hasPrefix("debug connection closed") }
            #expect(connections.first?.contains("calls=1") == true)
        }
    }

    @Test func `a hostile job id cannot forge a line of the log`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            let id = "x\ninfo call ended\u{1B}[31m\u{2028}é\\"
            _ = try client.send(.generate(.picture(id: id)))
            // Refused or accepted, nothing raw reaches the log.
            _ = try? client.remainingEvents()
            client.socket.close()
            try await server.wait { $0.connections == 1 }
            for line in server.log.lines {
                #expect(line.utf8.allSatisfy { (0x20...0x7E).contains($0) })
            }
        }
    }
}
