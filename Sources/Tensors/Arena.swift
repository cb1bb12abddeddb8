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
    /// The same since ``trim(all:)`` was last called.
    private var recent = 0
    /// Pages beyond were never touched, or given back.
    private var resident = 0

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
        recent = max(recent, used)
        return pointer
    }

    /// Fewer bytes are not worth a call, and are soon wanted again.
    private static let trimMinimum = 64 << 20

    /// Gives pages back to the system that have not been in use since the last call, if they are many:
    /// a decoding takes several times what a step does.
    ///
    /// - Parameter all: those that have been in use too, but are not now.
    public func trim(all: Bool = false) {
        let huge = 2 << 20
        let kept = ((all ? used : recent) + huge - 1) / huge * huge
        resident = max(resident, recent)
        recent = used
        guard resident - kept > Self.trimMinimum else { return }
        madvise(base + kept, min(resident, byteCount) - kept, MADV_DONTNEED)
        resident = kept
    }
}
