internal import CLibuv
internal import Glibc

/// A listening socket that whoever started the process has opened for it, as systemd does.
public struct InheritedSocket: Hashable, Sendable {
    let descriptor: Int32
    /// Where it listens.
    public let address: SocketAddress

    /// - Parameter descriptor: from now on this value's, and in the end its listener's.
    /// - Throws: ``TransportError`` where it is no listening stream socket of TCP or Unix.
    public init(descriptor: Int32) throws(TransportError) {
        guard Self.option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            Self.option(SO_ACCEPTCONN, of: descriptor) == 1,
            let address = Self.address(of: descriptor)
        else {
            throw TransportError(
                .invalidAddress,
                "the inherited descriptor \(descriptor) is no listening TCP or Unix socket")
        }
        self.descriptor = descriptor
        self.address = address
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var byteCount = socklen_t(MemoryLayout<Int32>.size)
        let code = getsockopt(descriptor, SOL_SOCKET, name, &value, &byteCount)
        return code == 0 ? value : nil
    }

    private static func address(of descriptor: Int32) -> SocketAddress? {
        if let address = SocketAddress({ address, byteCount in
            var length = socklen_t(byteCount.pointee)
            return getsockname(descriptor, address, &length)
        }) {
            return address
        }
        var address = sockaddr_un()
        var byteCount = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &byteCount)
            }
        }
        guard code == 0, Int32(address.sun_family) == AF_UNIX else { return nil }
        let path = withUnsafeBytes(of: address.sun_path) { bytes in
            // A name in the abstract space begins with a NUL; people write @ for that.
            (bytes.first == 0 ? "@" : "")
                + String(decoding: bytes.drop { $0 == 0 }.prefix { $0 != 0 }, as: UTF8.self)
        }
        return SocketAddress(.unix(path: path))
    }
}

/// Where a listener is to listen.
public enum ListeningPoint: Hashable, Sendable {
    case address(SocketAddress)
    case inherited(InheritedSocket)

    /// What may still be a name, or have the port 0.
    public var address: SocketAddress {
        switch self {
        case .address(let address): address
        case .inherited(let socket): socket.address
        }
    }
}
