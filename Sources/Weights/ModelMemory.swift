internal import CMappedFiles
internal import Glibc

/// The bytes of a model file, for as long as someone holds this: mapped, lent or owned.
///
/// Mapped pages are read when first touched and can be dropped by the system at any time, so a
/// 7 GB model costs no memory of ours. A file that is cut short while mapped reads as zeros where it
/// was, and one that is written to gives whatever is there: see ``change``.
final class ModelMemory: @unchecked Sendable {
    let start: UnsafeRawPointer
    let byteCount: Int
    private let origin: Origin

    private enum Origin {
        /// With its number in the table of mappings whose lost pages read as zeros.
        case mapped(path: String, FileStamp, watch: Int32)
        case lent, owned
    }

    private init(_ start: UnsafeRawPointer, byteCount: Int, _ origin: Origin) {
        self.start = start
        self.byteCount = byteCount
        self.origin = origin
    }

    deinit {
        switch origin {
        case .mapped(_, _, let watch):
            refinery_mapping_forget(watch)
            munmap(UnsafeMutableRawPointer(mutating: start), byteCount)
        case .owned: start.deallocate()
        case .lent: break
        }
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: byteCount) }

    /// What befell the bytes since they were mapped; nil as long as they are the same. Asks the file
    /// system. Another file in the place of this one, or none, is no change: these bytes stay.
    var change: ModelFileError.Reason? {
        guard case .mapped(let path, let stamp, let watch) = origin else { return nil }
        if refinery_mapping_is_damaged(watch) { return .damaged }
        guard let now = FileStamp(path: path), now.isSameFile(as: stamp) else { return nil }
        return now.hasSameContents(as: stamp) ? nil : .changed
    }

    /// Has the system read the page that holds a byte, without waiting for it.
    func prefetch(at offset: Int) {
        guard case .mapped = origin else { return }
        let page = 4096
        let address = UInt(bitPattern: start + offset) / UInt(page) * UInt(page)
        madvise(UnsafeMutableRawPointer(bitPattern: address), page, MADV_WILLNEED)
    }

    /// Bytes that live as long as the program.
    static func lent(_ start: UnsafeRawPointer, byteCount: Int) -> ModelMemory {
        ModelMemory(start, byteCount: byteCount, .lent)
    }

    static func copied(_ bytes: [UInt8]) -> ModelMemory {
        let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 64)
        bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: copy, count: $0.count).copyMemory(from: $0)
        }
        return ModelMemory(copy, byteCount: bytes.count, .owned)
    }

    /// Maps a regular file, privately and read-only.
    static func mapped(path: String, name: String) throws(ModelFileError) -> ModelMemory {
        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(name) }
        // A mapping outlives its descriptor, and many models would use up the limit.
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(name) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ModelFileError(file: name, .notARegularFile)
        }
        let byteCount = Int(status.st_size)
        // An empty mapping is an error to mmap; the header's check has better words.
        guard byteCount > 0 else { throw ModelFileError(file: name, .tooShort(byteCount: 0)) }
        guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
            address != MAP_FAILED
        else { throw unreadable(name) }
        let watch = refinery_mapping_watch(address, byteCount)
        return ModelMemory(
            address, byteCount: byteCount,
            .mapped(path: path, FileStamp(status), watch: watch))
    }

    private static func unreadable(_ name: String) -> ModelFileError {
        ModelFileError(file: name, .unreadable(String(cString: strerror(errno))))
    }
}
