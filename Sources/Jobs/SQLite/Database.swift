internal import CSQLite

/// One connection to an SQLite database. Not thread-safe: the library's own locks are off.
final class Database {
    private let handle: OpaquePointer
    private var statements: [String: Statement] = [:]

    /// - Parameter path: of the file, which is made if it is not there; nil for one in memory.
    init(path: String?) throws(JobStoreError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path ?? ":memory:", &opened, flags, nil)
        guard let opened else { throw JobStoreError(.memory, "there is no memory for SQLite") }
        handle = opened
        guard code == SQLITE_OK else {
            let error = Self.error(code, opened)
            sqlite3_close_v2(opened)
            throw error
        }
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 2_000)
        // There before it is needed, which may be because memory has run out.
        statements[Self.rollBack] = try Statement(Self.rollBack, on: handle)
    }

    deinit {
        statements = [:]
        sqlite3_close_v2(handle)
    }

    /// Several statements without parameters and results.
    func execute(_ sql: String) throws(JobStoreError) {
        try Self.check(sqlite3_exec(handle, sql, nil, nil, nil), handle)
    }

    /// A statement to run with these parameters; prepared once.
    func statement(
        _ sql: String, _ parameters: SQLValue...
    ) throws(JobStoreError) -> Statement {
        let statement: Statement
        if let known = statements[sql] {
            statement = known
        } else {
            statement = try Statement(sql, on: handle)
            statements[sql] = statement
        }
        try statement.bind(parameters)
        return statement
    }

    /// Runs a statement that gives no rows.
    func run(_ sql: String, _ parameters: SQLValue...) throws(JobStoreError) {
        let statement = try statement(sql)
        try statement.bind(parameters)
        defer { statement.reset() }
        while try statement.step() {}
    }

    private static let rollBack = "ROLLBACK"

    /// All of the changes, or none of them.
    func transaction(
        _ body: () throws(JobStoreError) -> Void
    ) throws(JobStoreError) {
        // Where even that has failed before.
        if sqlite3_get_autocommit(handle) == 0 { try run(Self.rollBack) }
        // Takes the write lock at once, so that no statement within can find it taken.
        try execute("BEGIN IMMEDIATE")
        do throws(JobStoreError) {
            try body()
            try execute("COMMIT")
        } catch {
            // Some errors have rolled back already.
            if sqlite3_get_autocommit(handle) == 0 { try? run(Self.rollBack) }
            throw error
        }
    }

    /// Rows that the last statement changed.
    var changeCount: Int { Int(sqlite3_changes64(handle)) }

    static func check(_ code: Int32, _ handle: OpaquePointer?) throws(JobStoreError) {
        guard code == SQLITE_OK else { throw error(code, handle) }
    }

    /// SQLITE_IOERR_NOMEM, which is a sum in C.
    private static let noMemoryForIO = SQLITE_IOERR | 12 << 8

    static func error(_ code: Int32, _ handle: OpaquePointer?) -> JobStoreError {
        let kind: JobStoreError.Kind =
            switch code & 0xFF {
            case SQLITE_FULL: .full
            case SQLITE_NOMEM: .memory
            case SQLITE_IOERR where code == noMemoryForIO: .memory
            case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged
            default: .failed
            }
        return JobStoreError(kind, "SQLite: \(String(cString: sqlite3_errmsg(handle)))")
    }
}
