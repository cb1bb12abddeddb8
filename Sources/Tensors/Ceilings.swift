/// What this machine can do with all of a lane's threads at once, which layers are held against. It
/// varies as the machine warms up or others work beside it, so it is measured beside what it is for.
public enum Ceilings {
    /// Billions of floating-point operations a second of large square products, one on each thread at
    /// any time. Takes about a tenth of a second and gives its memory back.
    public static func measureGFLOPS(threads: Int) throws(ComputeError) -> Double {
        let side = 1024
        let count = side * side
        let compute = try Compute(threads: threads, memoryByteCount: (threads + 3) * count * 4)
        let left = compute.ones(count)
        let right = compute.ones(count)
        let products = 3 * threads
        return compute.withWorkerScratch(count) { result in
            bestRate(of: 2 * products * count * side, rounds: 3) {
                compute.forEachTile(products, operations: .max) { _, worker in
                    sgemm(
                        m: side, n: side, k: side, a: left, lda: side, b: right, ldb: side,
                        transposeB: true, c: result(worker), ldc: side)
                }
            }
        }
    }

    /// Billions of bytes a second, read and written, of copying memory that no cache holds.
    public static func measureCopyGigabytes(threads: Int) throws(ComputeError) -> Double {
        let count = 32 << 20
        let block = 256 << 10
        let compute = try Compute(threads: threads, memoryByteCount: 2 * count * 4)
        let source = compute.ones(count)
        let target = compute.ones(count)
        return bestRate(of: 2 * count * 4, rounds: 4) {
            compute.forEachTile(count / block, operations: .max) { index, _ in
                (target + index * block).update(from: source + index * block, count: block)
            }
        }
    }

    /// In billions a second.
    private static func bestRate(of amount: Int, rounds: Int, _ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        let best = (0..<rounds).map { _ in clock.measure(body) }.min() ?? .zero
        return Double(amount) / (best / .nanoseconds(1))
    }
}

extension Compute {
    fileprivate func ones(_ count: Int) -> UnsafeMutablePointer<Float> {
        let floats = arena.floats(count)
        floats.initialize(repeating: 1, count: count)
        return floats
    }
}
