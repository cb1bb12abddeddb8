/// What the server counts and measures. Any thread may call; each call is one instant, so that the
/// sums of ``ServerStatistics`` hold in every snapshot.
public final class ServerMetrics: Sendable {
    private let statistics = Protected(ServerStatistics())
    /// What each kind of work costs here, for estimates.
    public let costs = WorkCosts()

    public init() {}

    public var snapshot: ServerStatistics { statistics.withLock { $0 } }

    /// Where an accepted job is until it ends.
    public enum Place: Sendable {
        case queued, running
    }

    /// How an accepted job ends.
    public enum Ending: Sendable {
        case finished, failed, cancelled, paused
    }

    /// - Parameter tenant: one of a fixed set of names, here and below.
    public func jobRefused(of tenant: String) {
        count(of: tenant) { $0.refused += 1 }
    }

    /// The job is queued.
    public func jobAccepted(of tenant: String) {
        count(of: tenant) {
            $0.accepted += 1
            $0.queued += 1
        }
    }

    /// A queued job runs.
    public func jobStarted(of tenant: String) {
        count(of: tenant) {
            $0.queued -= 1
            $0.running += 1
        }
    }

    /// - Parameters:
    ///   - waited: from a job's acceptance until a lane took it up, or to its end.
    ///   - total: from its acceptance to its end.
    public func jobTook(waited: Duration, total: Duration) {
        statistics.withLock {
            $0.waitSeconds.record(waited / .seconds(1))
            $0.jobSeconds.record(total / .seconds(1))
        }
    }

    public func jobEnded(_ ending: Ending, from place: Place, of tenant: String) {
        count(of: tenant) {
            switch place {
            case .queued: $0.queued -= 1
            case .running: $0.running -= 1
            }
            switch ending {
            case .finished: $0.finished += 1
            case .failed: $0.failed += 1
            case .cancelled: $0.cancelled += 1
            case .paused: $0.paused += 1
            }
        }
    }

    /// A paused job of an earlier start is there.
    public func pausedJobFound(of tenant: String) {
        count(of: tenant) {
            $0.accepted += 1
            $0.paused += 1
        }
    }

    /// A paused job is discarded or forgotten: it counts as cancelled from then on.
    public func pausedJobDiscarded(of tenant: String) {
        count(of: tenant) {
            $0.paused -= 1
            $0.cancelled += 1
        }
    }

    /// A piece of work was done: counts it if it is a step, and remembers what it costs.
    public func workDone(_ work: Work, seconds: Double, of tenant: String) {
        costs.record(work, seconds: seconds)
        statistics.withLock {
            $0.tenants[tenant, default: JobCounts()].add(work, seconds: seconds)
            $0.workSeconds[work.kind, default: Histogram(bounds: ServerStatistics.secondBounds)]
                .record(seconds)
        }
    }

    public func connectionOpened() {
        statistics.withLock {
            $0.connections += 1
            $0.connectionsOpened += 1
        }
    }

    public func connectionClosed() {
        statistics.withLock { $0.connections -= 1 }
    }

    /// A connection was cut for what its peer did.
    public func connectionCut(for cause: CutCause) {
        statistics.withLock { $0.connectionsCut[cause, default: 0] += 1 }
    }

    public func received(byteCount: Int) {
        statistics.withLock { $0.receivedBytes += UInt64(byteCount) }
    }

    public func sent(byteCount: Int) {
        statistics.withLock { $0.sentBytes += UInt64(byteCount) }
    }

    /// A call was answered.
    ///
    /// - Parameters:
    ///   - method: one of a fixed set of names.
    ///   - status: likewise.
    ///   - seconds: nil for a call that streams.
    public func callEnded(_ method: String, status: String, seconds: Double?) {
        statistics.withLock {
            $0.calls[Call(method: method, status: status), default: 0] += 1
            if let seconds { $0.callSeconds.record(seconds) }
        }
    }

    private func count(of tenant: String, _ change: (inout JobCounts) -> Void) {
        statistics.withLock { change(&$0.tenants[tenant, default: JobCounts()]) }
    }
}
