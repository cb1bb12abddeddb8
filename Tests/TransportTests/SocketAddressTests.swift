import Testing
import Transport

struct SocketAddressTests {
    @Test(
        "an address is read and written back",
        arguments: [
            ("127.0.0.1:7420", SocketAddress.Endpoint.ipv4("127.0.0.1", port: 7420), true),
            ("127.3.2.1:0", .ipv4("127.3.2.1", port: 0), true),
            ("0.0.0.0:65535", .ipv4("0.0.0.0", port: 65535), false),
            ("10.0.0.1:1", .ipv4("10.0.0.1", port: 1), false),
            ("[::1]:7420", .ipv6("::1", port: 7420), true),
            ("[0:0:0:0:0:0:0:1]:7420", .ipv6("0:0:0:0:0:0:0:1", port: 7420), true),
            ("[::ffff:127.0.0.1]:7420", .ipv6("::ffff:127.0.0.1", port: 7420), true),
            ("[::]:7420", .ipv6("::", port: 7420), false),
            ("localhost:7420", .name("localhost", port: 7420), true),
            ("LocalHost:7420", .name("LocalHost", port: 7420), true),
            ("pictures.example.org:80", .name("pictures.example.org", port: 80), false),
            ("localhost.example.org:80", .name("localhost.example.org", port: 80), false),
            ("unix:/run/refinery.sock", .unix(path: "/run/refinery.sock"), true),
            ("unix:relative:with:colons", .unix(path: "relative:with:colons"), true),
        ])
    func valid(text: String, endpoint: SocketAddress.Endpoint, isLoopback: Bool) throws {
        let address = try SocketAddress(text)
        #expect(address.endpoint == endpoint)
        #expect(address.description == text)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(
        "a mistyped address says what is wrong and what is allowed",
        arguments: [
            ("", "port is missing"),
            ("7420", "port is missing"),
            ("localhost", "port is missing"),
            ("localhost:", "port is missing"),
            ("localhost:http", "0 to 65535"),
            ("localhost:65536", "0 to 65535"),
            ("localhost:-1", "0 to 65535"),
            ("localhost:+80", "0 to 65535"),
            ("localhost: 80", "0 to 65535"),
            (":7420", "neither a name nor an address"),
            ("256.0.0.1:7420", "neither a name nor an address"),
            ("1.2.3:7420", "neither a name nor an address"),
            ("a b:7420", "neither a name nor an address"),
            ("http://localhost:7420", "brackets"),
            ("::1:7420", "brackets"),
            ("[::1:7420", "] is missing"),
            ("[]:7420", "between the brackets"),
            ("[localhost]:7420", "between the brackets"),
            ("[127.0.0.1]:7420", "between the brackets"),
            ("unix:", "path is missing"),
            ("unix:a\0b", "NUL"),
            ("unix:" + String(repeating: "x", count: 108), "108 bytes, at most 107"),
        ])
    func invalid(text: String, complaint: String) throws {
        let error = try #require(throws: TransportError.self) { try SocketAddress(text) }
        #expect(error.kind == .invalidAddress)
        #expect(error.message.contains(complaint))
        #expect(error.message.contains("Write HOST:PORT, [IPV6]:PORT or unix:PATH"))
    }

    @Test func `the longest path is allowed`() throws {
        let path = String(repeating: "x", count: 107)
        #expect(try SocketAddress("unix:\(path)").endpoint == .unix(path: path))
    }

    @Test func `a name is looked up with IPv4 first`() async throws {
        let loop = try EventLoop(name: "lookup")
        defer { loop.stop() }
        let found = try await lookUp("localhost:7420", on: loop)
        #expect(found.first?.description == "127.0.0.1:7420")
        #expect(found.allSatisfy { $0.isLoopback })
    }

    @Test(
        "what needs no looking up is its own answer",
        arguments: ["127.0.0.1:1", "[::1]:1", "unix:/s"])
    func own(text: String) async throws {
        let loop = try EventLoop(name: "lookup")
        defer { loop.stop() }
        #expect(try await lookUp(text, on: loop).map(\.description) == [text])
    }

    private func lookUp(_ text: String, on loop: EventLoop) async throws -> [SocketAddress] {
        let address = try SocketAddress(text)
        return try await withCheckedThrowingContinuation { continuation in
            loop.submit {
                address.lookUp(on: loop) { continuation.resume(with: $0) }
            }
        }
    }
}
