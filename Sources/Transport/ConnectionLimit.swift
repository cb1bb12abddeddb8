internal import Glibc

/// How many connections may be open at once, over all listeners that share it.
///
/// Kept below the process's descriptor limit: once `accept` itself runs out of descriptors, a
/// listener can only spin. Lives on one loop's thread.
public final class ConnectionLimit {
    public let maximum: Int
    /// Open now.
    public private(set) var count = 0
    /// Accepted and closed at once because `maximum` was reached, since the start.
    public private(set) var refusedCount = 0

    /// - Parameter maximum: used as it is; at least 1.
    public init(maximum: Int) {
        self.maximum = max(1, maximum)
    }

    /// What the process's soft limit on descriptors leaves.
    /// - Parameter reserve: descriptors kept back for files, listeners and the loop itself; half of
    ///   them when there are few.
    public static func belowDescriptorLimit(reserve: Int = 64) -> ConnectionLimit {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return ConnectionLimit(maximum: 256)
        }
        let descriptors = Int(clamping: limit.rlim_cur)
        return ConnectionLimit(maximum: max(descriptors - reserve, descriptors / 2))
    }

    /// Raises the process's soft limit on descriptors as far as its hard limit allows, but not beyond
    /// what connections that say nothing may cost in memory: some 8 KiB each.
    public static func raiseDescriptorLimit(to goal: UInt = 65_536) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < goal else { return }
        limit.rlim_cur = min(limit.rlim_max, goal)
        // What cannot be raised stays as it is: the limit on connections follows it.
        setrlimit(resource, &limit)
    }

    func take() -> Bool {
        guard count < maximum else {
            refusedCount += 1
            return false
        }
        count += 1
        return true
    }

    func giveBack() { count -= 1 }
}
