internal import CProtobufC

#if canImport(Glibc)
    internal import Glibc
#endif

/// Zeroed memory for the C structs of one message, freed all at once with the arena.
///
/// It is also the allocator that protobuf-c unpacks with. Freeing one piece does nothing, so what
/// hostile input makes protobuf-c copy again and again (a duplicated message field) counts against
/// the limit instead of costing time: unpacking stops after a bounded amount of work.
final class Arena {
    /// For what a peer sends: 64 KiB of input at its worst takes 3.7 MB. A test sets it lower, for one
    /// allocation after another to fail.
    @TaskLocal static var unpackingByteLimit = 8 << 20

    private let byteLimit: Int
    private var blocks: [UnsafeMutableRawPointer] = []
    private var free: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0)
    private(set) var byteCount = 0
    /// Whether something was refused for the limit.
    private(set) var isExhausted = false

    private static let alignment = 16
    private static let blockByteCount = 1024...(256 << 10)

    init(byteLimit: Int = .max) {
        self.byteLimit = byteLimit
    }

    deinit {
        for block in blocks { Glibc.free(block) }
    }

    /// Zeroed, aligned for any C type, valid as long as the arena; nil when the limit is reached.
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let rounded = (max(byteCount, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
        if rounded > free.count, !addBlock(atLeast: rounded) {
            isExhausted = true
            return nil
        }
        defer { free = .init(rebasing: free[rounded...]) }
        return free.baseAddress
    }

    /// Blocks double, so a small message takes one small block and a large one few.
    private func addBlock(atLeast minimum: Int) -> Bool {
        let usual = min(
            max(byteCount, Self.blockByteCount.lowerBound), Self.blockByteCount.upperBound)
        let size = max(minimum, min(usual, byteLimit - byteCount))
        guard size <= byteLimit - byteCount, let block = calloc(1, size) else { return false }
        blocks.append(block)
        byteCount += size
        free = .init(start: block, count: size)
        return true
    }

    /// Calls `body` with this arena as a C allocator, which is valid until `body` returns.
    func withAllocator<Result>(
        _ body: (UnsafeMutablePointer<ProtobufCAllocator>) -> Result
    ) -> Result {
        var allocator = ProtobufCAllocator(
            alloc: { arena, byteCount in
                guard let arena else { return nil }
                return Unmanaged<Arena>.fromOpaque(arena).takeUnretainedValue().allocate(byteCount)
            },
            free: { _, _ in },
            allocator_data: Unmanaged.passUnretained(self).toOpaque())
        return withExtendedLifetime(self) { withUnsafeMutablePointer(to: &allocator, body) }
    }
}
