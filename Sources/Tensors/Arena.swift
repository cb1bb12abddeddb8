internal import Glibc

/// Memory for one lane's activations: a stack over one reserved range of addresses. Nothing is
/// taken from the system before it is first touched, and what was touched is used again, so a
/// step allocates nothing.
public final class Arena {
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private var used = 0
    /// The most that was in use at once, in bytes.
    public private(set) var highWater = 0

    init(byteCount: Int) throws(ComputeError) {
        let page = 4096
        self.byteCount = (byteCount + page - 1) / page * page
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let base = mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
            base != MAP_FAILED
        else {
            throw ComputeError.memoryNotReserved(byteCount: byteCount)
        }
        // Fewer page faults at first use, and fewer misses of the address cache ever after. Where the
        // system declines, all is as without it.
        madvise(base, self.byteCount, MADV_HUGEPAGE)
        self.base = base
    }

    deinit {
        munmap(base, byteCount)
    }

    public struct Mark {
        fileprivate let used: Int
    }

    public func mark() -> Mark {
        Mark(used: used)
    }

    /// Gives back all that was taken since `mark`.
    public func release(to mark: Mark) {
        precondition(mark.used <= used, "marks are released last to first")
        used = mark.used
    }

    /// `count` floats of any value, 64-byte aligned, until the mark before them is released.
    public func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        let size = (count * MemoryLayout<Float>.stride + 63) / 64 * 64
        precondition(
            size <= byteCount - used,
            "the job needs more than the lane's \(byteCount >> 20) MiB; admission must prevent this"
        )
        let pointer = (base + used).bindMemory(to: Float.self, capacity: count)
        used += size
        highWater = max(highWater, used)
        return pointer
    }
}
