import Glibc
import Transport

/// What systemd, or whoever plays its part, has agreed with the process: sockets that are already open,
/// and a socket to be told of the process's state (sd_listen_fds(3), sd_notify(3)).
///
/// Own code rather than libsystemd: the protocol is a datagram of text and three variables, promised to
/// stay, and so the same binary runs where there is no such library.
struct ServiceManager: Sendable {
    /// To serve on, and for the admin port, in the order given.
    let sockets: [InheritedSocket]
    let adminSockets: [InheritedSocket]
    /// The longest that it may go without hearing that the process lives; nil if it does not wait for that.
    let watchdogInterval: Duration?
    private let notifyPath: String?

    /// Takes what there is from the environment, where nobody finds it again.
    ///
    /// - Throws: ``UsageError`` for a descriptor that is no listening socket.
    init() throws {
        let count = Self.isForThisProcess("LISTEN_PID") ? Self.number("LISTEN_FDS") ?? 0 : 0
        let names = (Self.variable("LISTEN_FDNAMES") ?? "")
            .split(separator: ":", omittingEmptySubsequences: false)
        var found: (serving: [InheritedSocket], admin: [InheritedSocket]) = ([], [])
        for index in 0..<max(0, min(count, 1024)) {
            let socket: InheritedSocket
            do throws(TransportError) {
                socket = try InheritedSocket(descriptor: 3 + Int32(index))
            } catch {
                throw UsageError("LISTEN_FDS: \(error.message)")
            }
            if names.indices.contains(index), names[index] == "admin" {
                found.admin.append(socket)
            } else {
                found.serving.append(socket)
            }
        }
        (sockets, adminSockets) = found
        let interval = Self.number("WATCHDOG_USEC") ?? 0
        let isWatched = getenv("WATCHDOG_PID") == nil || Self.isForThisProcess("WATCHDOG_PID")
        watchdogInterval = isWatched && interval > 0 ? .microseconds(interval) : nil
        notifyPath = Self.variable("NOTIFY_SOCKET")
        for name in [
            "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID",
            "NOTIFY_SOCKET",
        ] {
            unsetenv(name)
        }
    }

    enum State {
        /// It serves.
        case ready
        /// It reads its configuration anew; ``ready`` follows.
        case reloading
        case stopping
        /// It lives: to be said more often than ``watchdogInterval``.
        case alive
    }

    /// Does nothing where nobody wants to know; never waits.
    func tell(_ state: State, status: String? = nil) {
        guard let notifyPath else { return }
        var lines = [Self.line(state)]
        if let status { lines.append("STATUS=\(Wording.printable(status))") }
        Self.send(lines.joined(separator: "\n"), to: notifyPath)
    }

    private static func line(_ state: State) -> String {
        switch state {
        case .ready: "READY=1"
        case .reloading:
            "RELOADING=1\nMONOTONIC_USEC=\(microsecondsOfMonotonicClock())"
        case .stopping: "STOPPING=1"
        case .alive: "WATCHDOG=1"
        }
    }

    private static func microsecondsOfMonotonicClock() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    private static func send(_ text: String, to path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard let first = name.first, name.count < room else { return }
        // A name in the abstract space.
        if first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let byteCount = MemoryLayout<sa_family_t>.size + name.count
        let bytes = Array(text.utf8)
        withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL),
                    $0, socklen_t(byteCount))
            }
        }
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    private static func number(_ name: String) -> Int? { variable(name).flatMap { Int($0) } }

    private static func isForThisProcess(_ name: String) -> Bool {
        number(name) == Int(getpid())
    }
}
