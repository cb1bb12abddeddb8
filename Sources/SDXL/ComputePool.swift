internal import Locking
internal import Tensors

/// The lanes' threads and memory: one ``Compute`` for each lane, lent for one unit of work at a time.
final class ComputePool: Sendable {
    private let idle: Locked<[Compute]>

    /// Addresses reserved for a lane's activations; memory is taken only as it is used. SDXL at the
    /// largest size that fits a frame needs about a fifth of it.
    private static let reservedByteCount = 32 << 30

    init(lanes: Int, threads: Int) throws(ComputeError) {
        var computes: [Compute] = []
        for _ in 0..<lanes {
            computes.append(
                try Compute(threads: threads, memoryByteCount: Self.reservedByteCount))
        }
        idle = Locked(computes)
    }

    /// - Precondition: no more callers at once than lanes.
    func withCompute<Result, Failure: Error>(
        _ body: (Compute) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let compute = idle.withLock({ $0.popLast() }) else {
            preconditionFailure("there are as many computes as lanes")
        }
        defer { idle.withLock { $0.append(compute) } }
        return try body(compute)
    }
}
