internal import CLibuv
internal import Glibc

/// Where to listen or to connect: `127.0.0.1:7420`, `[::1]:7420`, `localhost:7420`, `unix:/path`.
public struct SocketAddress: Hashable, Sendable {
    public let endpoint: Endpoint

    public enum Endpoint: Hashable, Sendable {
        /// Four numbers with dots.
        case ipv4(String, port: UInt16)
        /// Without brackets; may end in a zone (`fe80::1%eth0`).
        case ipv6(String, port: UInt16)
        /// To be looked up.
        case name(String, port: UInt16)
        case unix(path: String)
    }

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    /// - Throws: ``TransportError/Kind/invalidAddress`` with what is wrong and what is allowed.
    public init(_ text: String) throws(TransportError) {
        if text.hasPrefix("unix:") {
            self.init(.unix(path: try Self.path(text.dropFirst(5), of: text)))
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw Self.invalid(text, "the port is missing")
        }
        let port = try Self.port(text[text.index(after: colon)...], of: text)
        let host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { throw Self.invalid(text, "the ] is missing") }
            let literal = String(host.dropFirst().dropLast())
            guard Self.isNumeric(literal, AF_INET6) else {
                throw Self.invalid(text, "there is no IPv6 address between the brackets")
            }
            self.init(.ipv6(literal, port: port))
        } else if host.contains(":") {
            throw Self.invalid(text, "an IPv6 address needs brackets")
        } else if Self.isNumeric(String(host), AF_INET) {
            self.init(.ipv4(String(host), port: port))
        } else if Self.isName(host) {
            self.init(.name(String(host), port: port))
        } else {
            throw Self.invalid(text, "the host is neither a name nor an address")
        }
    }

    /// Whether only this machine can reach it. Judged by the address alone; of names, only
    /// `localhost` counts.
    public var isLoopback: Bool {
        switch endpoint {
        case .ipv4(let host, _): host.hasPrefix("127.")
        case .ipv6(let host, _):
            host == "::1" || host == "0:0:0:0:0:0:0:1" || host.hasPrefix("::ffff:127.")
        case .name(let host, _): host.lowercased() == "localhost"
        case .unix: true
        }
    }

    /// Nil for a Unix socket.
    public var port: UInt16? {
        switch endpoint {
        case .ipv4(_, let port), .ipv6(_, let port), .name(_, let port): port
        case .unix: nil
        }
    }

    // MARK: Parsing

    /// One byte of `sun_path` holds the final NUL. libuv would silently cut a longer one.
    static let pathByteCountMaximum = 107

    private static func path(
        _ path: Substring, of text: String
    ) throws(TransportError) -> String {
        guard !path.isEmpty else { throw invalid(text, "the path is missing") }
        guard !path.utf8.contains(0) else { throw invalid(text, "a path holds no NUL") }
        guard path.utf8.count <= pathByteCountMaximum else {
            throw invalid(
                text,
                "the path has \(path.utf8.count) bytes, at most \(pathByteCountMaximum) are allowed"
            )
        }
        return String(path)
    }

    private static func port(
        _ digits: Substring, of text: String
    ) throws(TransportError) -> UInt16 {
        guard !digits.isEmpty else { throw invalid(text, "the port is missing") }
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits)
        else { throw invalid(text, "the port must be a number from 0 to 65535") }
        return port
    }

    private static func isNumeric(_ host: String, _ family: Int32) -> Bool {
        var bytes = in6_addr()
        return uv_inet_pton(family, host, &bytes) == 0
    }

    /// Letters, digits, dots, hyphens and underscores; a host of digits and dots alone that is no
    /// IPv4 address is a mistyped one, not a name.
    private static func isName(_ host: Substring) -> Bool {
        guard (1...253).contains(host.utf8.count) else { return false }
        let allowed = host.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || "0123456789.-_".unicodeScalars.contains($0))
        }
        return allowed && host.unicodeScalars.contains { $0.properties.isAlphabetic }
    }

    private static func invalid(_ text: String, _ what: String) -> TransportError {
        TransportError(
            .invalidAddress,
            "\(text.debugDescription) is no address: \(what). "
                + "Write HOST:PORT, [IPV6]:PORT or unix:PATH, such as 127.0.0.1:7420.")
    }
}

extension SocketAddress: CustomStringConvertible {
    public var description: String {
        switch endpoint {
        case .ipv4(let host, let port), .name(let host, let port): "\(host):\(port)"
        case .ipv6(let host, let port): "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// To and from the C structures.
extension SocketAddress {
    /// Nil unless the family is IPv4 or IPv6.
    init?(_ address: UnsafePointer<sockaddr>) {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let port = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                uv_ip4_name($0, &text, text.count)
                return UInt16(bigEndian: $0.pointee.sin_port)
            }
            self.init(.ipv4(Self.string(text), port: port))
        case AF_INET6:
            let port = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                uv_ip6_name($0, &text, text.count)
                return UInt16(bigEndian: $0.pointee.sin6_port)
            }
            self.init(.ipv6(Self.string(text), port: port))
        default: return nil
        }
    }

    private static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The address libuv's `get` (its getsockname or getpeername) reports.
    init?(_ get: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Int32) {
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        let address = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                get(address, &length) == 0 ? SocketAddress(address) : nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// - Throws: for a name or a Unix path, which have no such form.
    func withSockaddr<Result>(
        _ body: (UnsafePointer<sockaddr>) throws(TransportError) -> Result
    ) throws(TransportError) -> Result {
        var storage = sockaddr_storage()
        let code: Int32 = withUnsafeMutablePointer(to: &storage) { storage in
            switch endpoint {
            case .ipv4(let host, let port):
                storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    uv_ip4_addr(host, Int32(port), $0)
                }
            case .ipv6(let host, let port):
                storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    uv_ip6_addr(host, Int32(port), $0)
                }
            case .name, .unix: UV_EAFNOSUPPORT.rawValue
            }
        }
        try check(code, "use \(self) as an IP address")
        let pointer = UnsafeMutablePointer<sockaddr_storage>.allocate(capacity: 1)
        defer { pointer.deallocate() }
        pointer.initialize(to: storage)
        return try body(UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self))
    }
}
