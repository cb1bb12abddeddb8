import Glibc

/// Whole files, with errors in words.
enum Files {
    /// - Throws: ``FileError``.
    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw FileError("read", path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            bytes += buffer.prefix(count)
            if count < buffer.count {
                guard ferror(file) == 0 else { throw FileError("read", path) }
                return bytes
            }
        }
    }

    /// Replaces the file at once, when its new content is safely there, or leaves it as it is.
    ///
    /// - Throws: ``FileError``.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let draft = "\(path).\(getpid()).part"
        guard let file = fopen(draft, "wx") else { throw FileError("write", path) }
        let isWhole = fwrite(bytes, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, isWhole, rename(draft, path) == 0 else {
            // Before unlink changes the reason.
            let error = FileError("write", path)
            unlink(draft)
            throw error
        }
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func isWritable(_ path: String) -> Bool { access(path, W_OK) == 0 }
}

/// A call on a file that failed, and the system's reason.
struct FileError: Error, Equatable, CustomStringConvertible {
    let description: String

    /// Right after the failing call.
    init(_ verb: String, _ path: String) {
        description = "cannot \(verb) \(path): \(String(cString: strerror(errno)))"
    }
}
