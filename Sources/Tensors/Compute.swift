internal import CKernels

/// One lane's means of computing: its threads and its memory. Weights are shared by all lanes;
/// this is not. One caller at a time.
///
/// Where to read on: ``Activation`` (what flows), ``Linear``, ``Convolution``, ``GroupNorm``,
/// ``LayerNorm`` and ``Attention`` (what is done to it). All cut their work into tiles whose sizes
/// depend on shapes alone, so the number of threads never changes a bit of the result.
public final class Compute {
    /// The most there are.
    public let threadCount: Int
    /// How many take part from now on: fewer while other lanes have work. Results do not depend on it.
    public var activeThreadCount: Int {
        didSet { precondition((1...threadCount).contains(activeThreadCount)) }
    }
    public let arena: Arena
    private let team: OpaquePointer
    /// Filled by every layer until it is taken away.
    public var profile: Profile?

    /// Loops of fewer operations are not shared out: about 20 microseconds of one thread.
    var sharedOperations = 1 << 20

    /// - Parameters:
    ///   - threads: at least 1, the caller's own thread included.
    ///   - memoryByteCount: the most that activations may take at once; pages are taken on first
    ///     use.
    public init(threads: Int, memoryByteCount: Int) throws(ComputeError) {
        precondition(threads >= 1)
        threadCount = threads
        activeThreadCount = threads
        arena = try Arena(byteCount: memoryByteCount)
        guard let team = refinery_team_create(threads) else {
            throw ComputeError.threadsNotStarted(threads)
        }
        self.team = team
    }

    deinit {
        refinery_team_destroy(team)
    }

    /// Calls `tile(index, worker)` once for each index below `count`, spread over the threads;
    /// `worker` is below `threadCount`. Returns when all are done.
    ///
    /// - Parameter operations: about how many floating-point operations all tiles are together. Few
    ///   are done by the caller alone: waking the others would take longer.
    func forEachTile(
        _ count: Int, operations: Int, _ tile: (_ index: Int, _ worker: Int) -> Void
    ) {
        guard operations >= sharedOperations, activeThreadCount > 1, count > 1 else {
            for index in 0..<count { tile(index, 0) }
            return
        }
        withoutActuallyEscaping(tile) { tile in
            var body = TileBody(call: tile)
            withUnsafeMutablePointer(to: &body) { pointer in
                refinery_team_run(
                    team, activeThreadCount, count,
                    { context, index, worker in
                        context?.assumingMemoryBound(to: TileBody.self).pointee.call(index, worker)
                    }, pointer)
            }
        }
    }

    /// `count` equal pieces of scratch, one a worker, until `body` returns.
    func withWorkerScratch<Result, Failure: Error>(
        _ count: Int,
        _ body: (_ scratch: (Int) -> UnsafeMutablePointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let mark = arena.mark()
        defer { arena.release(to: mark) }
        // A cache line apart, so that two workers never write to one.
        let stride = (count + 15) / 16 * 16
        let base = arena.floats(stride * threadCount)
        return try body { base + $0 * stride }
    }
}

private struct TileBody {
    let call: (Int, Int) -> Void
}

public enum ComputeError: Error, Equatable, CustomStringConvertible {
    case memoryNotReserved(byteCount: Int)
    case threadsNotStarted(Int)

    public var description: String {
        switch self {
        case .memoryNotReserved(let byteCount):
            "could not reserve \(byteCount >> 20) MiB of address space for activations"
        case .threadsNotStarted(let count):
            "could not start \(count) compute threads; try fewer with --threads"
        }
    }
}
