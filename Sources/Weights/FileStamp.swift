internal import Glibc

/// What the file system knows of a file without reading it: two equal stamps of one path are the same
/// file with the same contents, as far as anyone can tell.
public struct FileStamp: Hashable, Sendable {
    public let byteCount: Int64
    /// Since 1970.
    public let modificationNanoseconds: Int64
    private let changeNanoseconds: Int64
    private let device: UInt64
    private let inode: UInt64

    /// Nil where there is nothing, or nothing that may be looked at.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
        byteCount = Int64(status.st_size)
        modificationNanoseconds = nanoseconds(status.st_mtim)
        changeNanoseconds = nanoseconds(status.st_ctim)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// The number of a file that is mapped is not given to another.
    func isSameFile(as other: FileStamp) -> Bool {
        device == other.device && inode == other.inode
    }

    /// Unlike equality, a new name or other permissions make no difference.
    func hasSameContents(as other: FileStamp) -> Bool {
        byteCount == other.byteCount && modificationNanoseconds == other.modificationNanoseconds
    }
}
