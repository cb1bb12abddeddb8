internal import CSQLite

/// A value of a row.
enum SQLValue {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
    init(_ value: Int64?) { self = value.map { .integer($0) } ?? .null }
    /// SQLite's integers are signed; sequence numbers do not reach so far.
    init(_ value: UInt64) { self = .integer(Int64(clamping: value)) }
    init(_ value: Bool) { self = .integer(value ? 1 : 0) }
    init(_ value: String?) { self = value.map { .text($0) } ?? .null }
    init(_ value: [UInt8]) { self = .blob(value) }
}

/// A prepared statement and, while it is stepped through, its current row.
final class Statement {
    private let handle: OpaquePointer
    private let connection: OpaquePointer

    init(_ sql: String, on connection: OpaquePointer) throws(JobStoreError) {
        var prepared: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        try Database.check(
            sqlite3_prepare_v3(connection, sql, -1, flags, &prepared, nil), connection)
        guard let prepared else { preconditionFailure("not a statement: \(sql)") }
        handle = prepared
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// Ready to be run anew.
    func reset() { sqlite3_reset(handle) }

    func bind(_ values: [SQLValue]) throws(JobStoreError) {
        reset()
        // SQLite's own word for "copy it", which is a macro in C.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (offset, value) in values.enumerated() {
            let index = Int32(offset + 1)
            let code =
                switch value {
                case .null: sqlite3_bind_null(handle, index)
                case .integer(let integer): sqlite3_bind_int64(handle, index, integer)
                case .text(let text):
                    sqlite3_bind_text(handle, index, text, Int32(text.utf8.count), copied)
                case .blob(let bytes) where bytes.isEmpty: sqlite3_bind_zeroblob(handle, index, 0)
                case .blob(let bytes):
                    sqlite3_bind_blob64(handle, index, bytes, UInt64(bytes.count), copied)
                }
            try Database.check(code, connection)
        }
    }

    /// To the next row.
    /// - Returns: false when there is none.
    func step() throws(JobStoreError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw Database.error(code, connection)
        }
    }

    // MARK: The row

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func text(_ column: Int32) -> String {
        String(decoding: bytes(column), as: UTF8.self)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
