internal import Generation
internal import Glibc

/// Jobs in one SQLite file, `jobs.sqlite` of a directory, or in memory.
///
/// Write-ahead log, a write to disk at each commit, foreign keys; one process at a time may have the file
/// open. What is stored of a job carries SHA-256 sums, so that a flipped bit is found and not drawn. A
/// file that is no database any more is set aside, under another name in the same directory, and a new
/// one begun.
public final class SQLiteJobStore: JobStore, @unchecked Sendable {
    let database: Database
    public let isDurable: Bool
    /// What ``contents()`` is to tell of the opening.
    let notices: [String]

    static let fileName = "jobs.sqlite"

    /// In memory: everything but lasting.
    public init() throws(JobStoreError) {
        database = try Database(path: nil)
        isDurable = false
        notices = []
        try Self.prepare(database)
    }

    /// - Parameters:
    ///   - directory: made if it is not there.
    ///   - pageMaximum: of 4096 bytes: a larger file is refused as a full disk is; nil for no limit.
    /// - Throws: when the directory cannot be used, another process has the file open, or a newer version
    ///   made it.
    public init(directory: String, pageMaximum: Int? = nil) throws(JobStoreError) {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw JobStoreError(
                .failed,
                "cannot make the directory \(directory): \(String(cString: strerror(errno)))")
        }
        let path = "\(directory)/\(Self.fileName)"
        isDurable = true
        do throws(JobStoreError) {
            database = try Self.open(path, pageMaximum)
            notices = []
        } catch {
            guard error.kind == .damaged else { throw error }
            let name = try Self.setAside(path)
            database = try Self.open(path, pageMaximum)
            notices = [
                "the store of jobs was damaged (\(error)): its jobs are lost, the file is kept as \(name)"
            ]
        }
    }

    private static func open(
        _ path: String, _ pageMaximum: Int?
    ) throws(JobStoreError) -> Database {
        let database = try Database(path: path)
        // Before the first access: then no other process comes in, and no shared memory is needed.
        try database.execute("PRAGMA locking_mode = EXCLUSIVE")
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute("PRAGMA synchronous = FULL")
        if let pageMaximum { try database.execute("PRAGMA max_page_count = \(pageMaximum)") }
        try prepare(database)
        // A damaged list of jobs is found now, not when the first one is to be written.
        _ = try texts(listOfUnfinished, in: database)
        return database
    }

    private static func prepare(_ database: Database) throws(JobStoreError) {
        try database.execute("PRAGMA foreign_keys = ON")
        try Schema.migrate(database)
    }

    /// - Returns: the new name.
    private static func setAside(_ path: String) throws(JobStoreError) -> String {
        for number in 1... {
            let name = "\(path).damaged-\(number)"
            guard access(name, F_OK) != 0 else { continue }
            guard rename(path, name) == 0 else {
                throw JobStoreError(
                    .failed, "cannot set \(path) aside: \(String(cString: strerror(errno)))")
            }
            // Of the same database: without it of no use.
            rename("\(path)-wal", "\(name)-wal")
            return name
        }
        preconditionFailure("there is always a next number")
    }

    public func apply(_ changes: [JobChange]) throws(JobStoreError) {
        var removes = false
        try database.transaction { () throws(JobStoreError) in
            for change in changes {
                try write(change)
                if case .removed = change { removes = true }
            }
        }
        // Gives the room back, a little at a time; that it fails does no harm.
        if removes { try? database.run("PRAGMA incremental_vacuum(1000)") }
    }
}
