internal import FoundationEssentials
internal import Generation
internal import Glibc
internal import Weights

/// The SHA-256 of model files, as far as they are known. Kept beside the models, since reading 13 GB
/// takes most of a minute; a record counts for a file of that name, size and time of modification.
struct FileHashes: Sendable {
    private struct Record: Codable {
        var byteCount: Int64
        var modificationNanoseconds: Int64
        var sha256: String
    }

    static let fileName = ".refinery-hashes.json"
    /// By the files' names.
    private var records: [String: Record] = [:]
    private let directory: String?

    /// Reads what is known. What cannot be read is not known.
    init(directory: String?) {
        self.directory = directory
        guard let directory,
            let data = try? Data(contentsOf: URL(filePath: directory + "/" + Self.fileName)),
            let records = try? JSONDecoder().decode([String: Record].self, from: data)
        else { return }
        self.records = records.filter { Self.isDigest($0.value.sha256) }
    }

    /// In 64 lower-case hex digits; nil where it is not known.
    subscript(_ file: ModelDirectory.Place) -> String? {
        guard let record = records[file.name], let stamp = file.stamps[file.path],
            record.byteCount == stamp.byteCount,
            record.modificationNanoseconds == stamp.modificationNanoseconds
        else { return nil }
        return record.sha256
    }

    /// Keeps a digest, in the directory too where that may be written to.
    mutating func keep(_ sha256: String, of file: ModelDirectory.Place) {
        guard let stamp = file.stamps[file.path] else { return }
        records[file.name] = Record(
            byteCount: stamp.byteCount, modificationNanoseconds: stamp.modificationNanoseconds,
            sha256: sha256)
        guard let directory, let data = try? JSONEncoder().encode(records) else { return }
        try? data.write(to: URL(filePath: directory + "/" + Self.fileName), options: .atomic)
    }

    /// Reads a file to its end; nil when that fails, the file changes, or it is not to go on.
    ///
    /// - Parameter goesOn: asked before each piece, with the share that has been read.
    static func digest(of file: ModelDirectory.Place, goesOn: (Double) -> Bool) -> String? {
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0, let stamp = file.stamps[file.path] else { return nil }
        defer { close(descriptor) }
        // Small, for `goesOn` to be asked soon enough at the lowest priority.
        let pieceByteCount = 256 << 10
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: pieceByteCount, alignment: 64)
        defer { piece.deallocate() }
        var hash = SHA256()
        var byteCount: Int64 = 0
        while true {
            guard goesOn(Double(byteCount) / Double(max(stamp.byteCount, 1))) else { return nil }
            let count = read(descriptor, piece.baseAddress, piece.count)
            // Before the piece counts: whatever was read until here was the file as it was.
            guard count >= 0, FileStamp(path: file.path) == stamp else { return nil }
            guard count > 0 else { break }
            hash.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            byteCount += Int64(count)
        }
        return byteCount == stamp.byteCount ? hexadecimal(hash.finish()) : nil
    }

    static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy { $0.isHexDigit && !$0.isUppercase }
    }
}
