import Foundation
import Glibc

/// A blocking client socket with nothing between the test and the system: for bytes no well-behaved
/// client would send, and endings it would not bring about. Every wait ends after 100 seconds.
public final class RawSocket {
    private var descriptor: Int32

    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// To a TCP port on 127.0.0.1.
    /// - Parameter receiveBufferByteCount: the kernel's, for a reader that soon makes its peer wait.
    public init(port: UInt16, receiveBufferByteCount: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var count = receiveBufferByteCount {
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &count, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try connect(&address, MemoryLayout<sockaddr_in>.size)
    }

    /// To a Unix socket.
    public init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        try connect(&address, MemoryLayout<sockaddr_un>.size)
    }

    deinit { close() }

    private func connect<Address>(_ address: inout Address, _ count: Int) throws {
        var limit = timeval(tv_sec: 100, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let code = withUnsafeBytes(of: &address) { bytes in
            Glibc.connect(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(count))
        }
        guard code == 0 else { throw failure("connect") }
    }

    public func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw failure("send") }
            sent += count
        }
    }

    /// Waits for at least one byte; empty at the end of the stream.
    public func readSome(atMost maximum: Int = 64 * 1024) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: maximum)
        let count = recv(descriptor, &bytes, maximum, 0)
        guard count >= 0 else { throw failure("receive") }
        return Array(bytes[..<count])
    }

    /// Exactly `count` bytes, or fewer when the stream ends before.
    public func read(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try readSome(atMost: min(count - bytes.count, 64 * 1024))
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    public func readToEnd() throws -> [UInt8] { try read(.max) }

    /// Says that nothing more will come; reading goes on.
    public func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    public func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }

    /// Closes without a farewell: the peer gets a reset.
    public func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &linger,
            socklen_t(MemoryLayout.size(ofValue: linger)))
        close()
    }

    private func failure(_ call: String) -> Failure {
        Failure(description: "\(call): \(String(cString: strerror(errno)))")
    }
}
