import Foundation
import Generation
import TestSupport
import Testing

@testable import Jobs

/// What a disk may do to a file: never a wrong picture, and the server stays up.
struct DamagedStoreTests {
    /// A column of the store, what becomes of the job, and whether the rest of it is still good.
    enum Outcome {
        case dataLoss, begunAnew, pictureLost
    }

    @Test(arguments: [
        ("jobs", "request", Outcome.dataLoss), ("jobs", "plan", .dataLoss),
        ("jobs", "digest", .dataLoss), ("jobs", "sum", .dataLoss), ("jobs", "summary", .dataLoss),
        ("checkpoints", "state", .begunAnew), ("checkpoints", "sum", .begunAnew),
        ("checkpoints", "fingerprint", .begunAnew), ("images", "png", .pictureLost),
        ("images", "sha256", .pictureLost),
    ])
    func `a flipped bit is found`(table: String, column: String, outcome: Outcome) throws {
        let store = try SQLiteJobStore()
        try store.apply([
            .accepted(try Stored.job("a"), pictures: []),
            .image(
                id: "a", Stored.image(0, sequence: 3), summary: Event.Summary(), ending: nil),
            .checkpoint(id: "a", Stored.checkpoint(image: 1, step: 2)),
            .accepted(try Stored.job("b"), pictures: []),
        ])
        try flipBit(in: column, of: table, store)
        let contents = try store.contents()
        switch outcome {
        case .dataLoss:
            #expect(contents.unfinished.map(\.id) == ["b"])
            #expect(contents.damaged.map(\.id) == ["a"])
        case .begunAnew:
            #expect(contents.unfinished.map(\.id) == ["a", "b"])
            #expect(contents.unfinished[0].checkpoint == nil)
        case .pictureLost:
            let error = #expect(throws: JobStoreError.self) { try store.image(0, of: "a") }
            #expect(error?.kind == .damaged)
        }
    }

    private func flipBit(in column: String, of table: String, _ store: SQLiteJobStore) throws {
        let key = table == "jobs" ? "id" : "job"
        let row = try store.database.statement(
            "SELECT \(column), typeof(\(column)) FROM \(table) WHERE \(key) = 'a'")
        #expect(try row.step())
        var bytes = row.bytes(0)
        bytes[bytes.count / 2] ^= 1
        let value: SQLValue =
            row.text(1) == "text" ? .text(String(decoding: bytes, as: UTF8.self)) : .blob(bytes)
        row.reset()
        try store.database.run(
            "UPDATE \(table) SET \(column) = ? WHERE \(key) = 'a'", value)
    }

    @Test(arguments: [0, 1, 100, 4096, 5000, 20_000])
    func `a file cut short opens, or is set aside for a new one`(length: Int) throws {
        try withTemporaryDirectory { directory in
            try fill(directory)
            let path = "\(directory)/jobs.sqlite"
            #expect(truncate(path, length) == 0)
            let store = try SQLiteJobStore(directory: directory)
            // It may have lost everything, but it works.
            try store.apply([.accepted(try Stored.job("new"), pictures: [])])
            #expect(try store.contents().unfinished.map(\.id).contains("new"))
        }
    }

    @Test func `a file that is no database is kept under another name`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/jobs.sqlite"
            for number in 1...2 {
                try Data(repeating: 0x41, count: 9000).write(to: URL(filePath: path))
                let store = try SQLiteJobStore(directory: directory)
                #expect(try store.contents().notices.first?.contains("damaged-\(number)") == true)
                #expect(FileManager.default.fileExists(atPath: "\(path).damaged-\(number)"))
            }
        }
    }

    @Test func `whatever byte of the file is overwritten, no wrong picture comes out`() throws {
        try withTemporaryDirectory { directory in
            try fill(directory)
            let path = URL(filePath: "\(directory)/jobs.sqlite")
            let whole = try Data(contentsOf: path)
            for offset in stride(from: 0, to: whole.count, by: 397) {
                var bytes = whole
                bytes[offset] ^= 0xFF
                let other = "\(directory)/\(offset)"
                try FileManager.default.createDirectory(
                    atPath: other, withIntermediateDirectories: true)
                try bytes.write(to: URL(filePath: "\(other)/jobs.sqlite"))
                try checkPictures(in: other)
                try FileManager.default.removeItem(atPath: other)
            }
        }
    }

    /// Two jobs with a picture each, all of it in the main file.
    private func fill(_ directory: String) throws {
        let store = try SQLiteJobStore(directory: directory)
        for id: JobID in ["a", "b"] {
            try store.apply([
                .accepted(try Stored.job(id.name), pictures: []),
                .image(
                    id: id, Stored.image(0, sequence: 3), summary: Event.Summary(), ending: nil),
                .checkpoint(id: id, Stored.checkpoint(image: 1, step: 2)),
            ])
        }
        try store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    private func checkPictures(in directory: String) throws {
        let store: SQLiteJobStore
        do {
            store = try SQLiteJobStore(directory: directory)
        } catch {
            // Refused as a whole, such as a version that is not known.
            return
        }
        guard let contents = try? store.contents() else { return }
        for job in contents.unfinished {
            let checkpoint = job.checkpoint
            #expect(
                checkpoint == nil || checkpoint?.generation.state.allSatisfy { $0 == 5 } == true)
            #expect(job.request.seed == 5)
            if let image = try? store.image(0, of: job.id) {
                #expect(image.png == Stored.image(0, sequence: 3).png)
            }
        }
    }
}
