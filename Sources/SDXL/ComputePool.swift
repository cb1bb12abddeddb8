internal import Locking
internal import Tensors

/// The lanes' threads and memory: one ``Compute`` for each lane, lent for one unit of work at a time. The
/// threads are shared out evenly among the lanes that have work as a unit begins: one job alone has all
/// of them, and where there are as many jobs as threads each has one.
final class ComputePool: Sendable {
    private let idle: Locked<[Compute]>
    private let laneCount: Int
    private let threadCount: Int

    /// Addresses reserved for a lane's activations; memory is taken only as it is used. SDXL at the
    /// largest size that fits a frame needs about a fifth of it.
    private static let reservedByteCount = 32 << 30

    /// - Parameter threads: of all lanes together.
    init(lanes: Int, threads: Int) throws(ComputeError) {
        var computes: [Compute] = []
        for _ in 0..<lanes {
            computes.append(
                try Compute(threads: threads, memoryByteCount: Self.reservedByteCount))
        }
        laneCount = lanes
        threadCount = threads
        idle = Locked(computes)
    }

    /// - Precondition: no more callers at once than lanes.
    func withCompute<Result, Failure: Error>(
        _ body: (Compute) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (lent, busy) = idle.withLock { idle in
            let lent = idle.popLast()
            return (lent, laneCount - idle.count)
        }
        guard let compute = lent else {
            preconditionFailure("there are as many computes as lanes")
        }
        defer {
            compute.arena.trim()
            idle.withLock { $0.append(compute) }
        }
        compute.activeThreadCount = max(1, threadCount / busy)
        return try body(compute)
    }
}
