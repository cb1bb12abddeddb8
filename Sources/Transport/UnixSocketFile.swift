internal import CLibuv
internal import Glibc

/// The file a Unix socket is bound to. It outlives a process that was killed.
enum UnixSocketFile {
    /// Removes a socket nobody listens on. A live one and any other kind of file stay, and throw.
    static func removeIfStale(_ path: String) throws(TransportError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw TransportError(code: -errno, doing: "look at \(path)")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw TransportError(
                .addressInUse,
                "cannot listen on unix:\(path): a file that is no socket is there; "
                    + "move it away or choose another path")
        }
        guard try !hasListener(path) else {
            throw TransportError(
                .addressInUse,
                "cannot listen on unix:\(path): another process listens there; "
                    + "stop it or choose another path")
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw TransportError(code: -errno, doing: "remove the stale socket \(path)")
        }
    }

    /// Connecting to a local socket answers at once, so this does not wait.
    private static func hasListener(_ path: String) throws(TransportError) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TransportError(code: -errno, doing: "create a socket") }
        defer { close(descriptor) }
        // A full backlog would make a blocking socket wait.
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { field in
            // The final NUL is already there: `SocketAddress` has checked the length.
            field.copyBytes(from: path.utf8.prefix(SocketAddress.pathByteCountMaximum))
        }
        let code = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return code == 0 || errno != ECONNREFUSED
    }
}
