import Foundation
import Generation
import TestSupport
import Testing

@testable import Jobs

/// The store as its callers see it, in memory and in a file.
struct StoreTests {
    @Test func `what is written is read, also after the file was closed`() throws {
        try withTemporaryDirectory { directory in
            let job = try Stored.job("a")
            let picture = StoredPicture(name: "p", file: [1, 2, 3])
            let checkpoint = Stored.checkpoint(image: 1, step: 2)
            let handoff = StoredHandoff(
                imageIndex: 0, sequence: 7, timeMilliseconds: 8, latentsSHA256: [9])
            let image = Stored.image(0, sequence: 11)
            let write = { (store: SQLiteJobStore) in
                try store.apply([
                    .accepted(job, pictures: [picture]), .started(id: "a"),
                    .handedOff(id: "a", handoff),
                    .image(id: "a", image, summary: Event.Summary(baseSteps: 3), ending: nil),
                    .checkpoint(id: "a", checkpoint),
                ])
            }
            let check = { (store: SQLiteJobStore) in
                let contents = try store.contents()
                #expect(contents.ended == [] && contents.notices == [])
                #expect(contents.pictures == [picture])
                var expected = job
                expected.isRunning = true
                expected.handoffs = [handoff]
                expected.images = [image.facts]
                expected.summary = checkpoint.summary
                expected.checkpoint = checkpoint
                expected.remaining = checkpoint.remaining
                #expect(contents.unfinished == [expected])
                #expect(try store.image(0, of: "a") == image)
                #expect(try store.image(1, of: "a") == nil)
                #expect(try store.history(of: "a") == nil)
            }
            let inMemory = try SQLiteJobStore()
            #expect(!inMemory.isDurable)
            try write(inMemory)
            try check(inMemory)
            try write(SQLiteJobStore(directory: directory))
            try check(SQLiteJobStore(directory: directory))
        }
    }

    @Test func `an ended job keeps its pictures and its history, and nothing else`() throws {
        let store = try SQLiteJobStore()
        var job = try Stored.job("a")
        let image = Stored.image(0, sequence: 11)
        let summary = Event.Summary(baseSteps: 3, totalSeconds: 1.5)
        let ending = StoredEnding(error: nil, milliseconds: 99)
        try store.apply([
            .accepted(job, pictures: [StoredPicture(name: "p", file: [1])]),
            .checkpoint(id: "a", Stored.checkpoint(image: 0, step: 1)),
            .image(id: "a", image, summary: summary, ending: ending),
        ])
        let contents = try store.contents()
        #expect(contents.unfinished == [] && contents.pictures == [])
        let ended = try #require(contents.ended.first)
        #expect(ended.description.state == .finished && ended.description.id == "a")
        #expect(ended.byteCount == image.png.count && ended.digest == job.digest)
        #expect(ended.description.sequence == 11 && ended.description.imageIndex == 0)
        let history = try #require(try store.history(of: "a"))
        job.summary = summary
        job.images = [image.facts]
        job.remaining = Stored.checkpoint(image: 0, step: 1).remaining
        #expect(history == StoredHistory(job: job, ending: ending))
        try store.apply([.removed(id: "a")])
        #expect(try store.history(of: "a") == nil && store.image(0, of: "a") == nil)
    }

    @Test func `a failed job's error comes back whole`() throws {
        let store = try SQLiteJobStore()
        let error = GenerationError(
            .internal, code: "inferenceError", "step 3 \"is\" not\nfinite", fields: ["a", "b"],
            retryable: true)
        try store.apply([
            .accepted(try Stored.job("a"), pictures: []),
            .ended(id: "a", StoredEnding(error: error, milliseconds: 5)),
        ])
        #expect(try store.history(of: "a")?.ending.error == error)
        #expect(try store.contents().ended.first?.description.error == error)
    }

    @Test func `a new job takes the place of the ended one of its name`() throws {
        let store = try SQLiteJobStore()
        let old = try Stored.job("a")
        var new = try Stored.job("a")
        new.attempt = 1
        try store.apply([
            .accepted(old, pictures: []),
            .image(
                id: "a", Stored.image(0, sequence: 3), summary: Event.Summary(), ending: nil),
            .ended(id: "a", StoredEnding(error: .jobCancelled, milliseconds: 5)),
            .accepted(new, pictures: []),
        ])
        #expect(try store.contents().unfinished == [new])
        #expect(try store.image(0, of: "a") == nil)
    }

    @Test func `another plan takes the place of a restarted job's`() throws {
        let store = try SQLiteJobStore()
        var job = try Stored.job("a")
        try store.apply([
            .accepted(job, pictures: []),
            .checkpoint(id: "a", Stored.checkpoint(image: 0, step: 1)),
        ])
        job.plan.fingerprint = "another"
        try store.apply([.restarted(id: "a", attempt: 4, crashes: 2, plan: job.plan)])
        let read = try #require(try store.contents().unfinished.first)
        #expect(read.plan == job.plan && read.checkpoint == nil)
        #expect(read.attempt == 4 && read.crashes == 2)
        #expect(read.acceptedSequence == 4 << 32 + Event.sequenceStride)
    }

    @Test func `changes that belong together are made together or not at all`() throws {
        let store = try SQLiteJobStore()
        let job = try Stored.job("a")
        // There is no job b to hang a picture on.
        #expect(throws: JobStoreError.self) {
            try store.apply([
                .accepted(job, pictures: []),
                .image(
                    id: "b", Stored.image(0, sequence: 1), summary: Event.Summary(), ending: nil),
            ])
        }
        #expect(try store.contents().unfinished == [])
        try store.apply([.accepted(job, pictures: [])])
        #expect(try store.contents().unfinished.count == 1)
    }

    @Test func `a full disk is told as such, and what was there stays`() throws {
        try withTemporaryDirectory { directory in
            let store = try SQLiteJobStore(directory: directory, pageMaximum: 60)
            try store.apply([.accepted(try Stored.job("a"), pictures: [])])
            var large = Stored.image(0, sequence: 1)
            large.png = [UInt8](repeating: 7, count: 1 << 20)
            let change = JobChange.image(
                id: "a", large, summary: Event.Summary(), ending: nil)
            let error = #expect(throws: JobStoreError.self) { try store.apply([change]) }
            #expect(error?.kind == .full)
            #expect(try store.contents().unfinished.count == 1)
            try store.apply([.ended(id: "a", StoredEnding(error: nil, milliseconds: 1))])
        }
    }

    @Test func `a file that another process has open is refused`() throws {
        try withTemporaryDirectory { directory in
            let store = try SQLiteJobStore(directory: directory)
            let error = #expect(throws: JobStoreError.self) {
                try SQLiteJobStore(directory: directory)
            }
            #expect(error?.kind == .failed)
            withExtendedLifetime(store) {}
        }
    }

    @Test func `a file of a newer version is refused and left alone`() throws {
        try withTemporaryDirectory { directory in
            do {
                let store = try SQLiteJobStore(directory: directory)
                try store.database.execute("PRAGMA user_version = 99")
            }
            let error = #expect(throws: JobStoreError.self) {
                try SQLiteJobStore(directory: directory)
            }
            #expect(error?.description.contains("version 99") == true)
        }
    }

    @Test func `each migration brings an older file to the present`() throws {
        for version in 0..<Schema.migrations.count {
            let database = try Database(path: nil)
            for migration in Schema.migrations.prefix(version) { try database.execute(migration) }
            try database.execute("PRAGMA user_version = \(version)")
            try Schema.migrate(database)
            let statement = try database.statement("PRAGMA user_version")
            #expect(try statement.step())
            #expect(statement.integer(0) == Int64(Schema.migrations.count))
        }
    }
}

/// Things to store.
enum Stored {
    static func job(_ id: String) throws -> StoredJob {
        let generator = FakeGenerator()
        let job = try GenerationJob(request(id, images: 2), models: generator.models)
        var stored = StoredJob(
            id: JobID(id), digest: [1, 2], request: GenerationRequest(resolving: job),
            plan: try generator.plan(job), createdMilliseconds: 42, remaining: .seconds(9),
            attempt: 0, acceptedSequence: 1)
        stored.plan.sigmas[0] = 14.614_641_189_575_195
        return stored
    }

    static func checkpoint(image: Int, step: Int) -> StoredCheckpoint {
        StoredCheckpoint(
            generation: GenerationCheckpoint(
                imageIndex: image, step: step, state: [UInt8](repeating: 5, count: 3000)),
            phase: .base, fingerprint: "fake-1",
            summary: Event.Summary(baseSteps: step, baseSeconds: 0.1), remaining: .seconds(8))
    }

    static func image(_ index: Int, sequence: UInt64) -> StoredImage {
        let png = [UInt8](repeating: UInt8(index), count: 5000)
        return StoredImage(
            facts: StoredImage.Facts(
                index: index, sequence: sequence, timeMilliseconds: 3,
                size: ImageSize(height: 16, width: 8), seed: 5 + Int64(index),
                byteCount: png.count, sha256: SHA256.digest(of: png)), png: png)
    }
}
