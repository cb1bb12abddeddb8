import CFaultyFiles
import Foundation
import Generation
import TestSupport
import Testing

@testable import Jobs

/// What happens when SQLite is refused memory, at every single allocation of a short life of a store: it is
/// opened, written, read and closed.
///
/// Each call does all that it is asked or says that there was no memory. Either way what was kept before is
/// there, the store goes on as soon as there is memory again, and nothing is left when it is closed.
///
/// At every 23rd allocation, or from every 61st on, unless `REFINERY_FAULTS=all` is in the environment.
@Suite(.serialized) struct `Memory that runs out in the store` {
    @Test(arguments: [false, true])
    func `is said so, loses nothing that was kept, and leaks nothing`(lasts: Bool) throws {
        // What SQLite keeps for the process is there after a first time.
        _ = try live(failing: .max, lasts: false)
        let isFull = ProcessInfo.processInfo.environment["REFINERY_FAULTS"] == "all"
        let step = isFull ? 1 : lasts ? 61 : 23
        var number = 1
        while try live(failing: number, lasts: lasts) { number += step }
        #expect(number > 1000, "\(number)")
    }

    /// - Returns: whether there was an allocation of that number to fail.
    private func live(failing number: Int, lasts: Bool) throws -> Bool {
        let place = "allocation \(number)\(lasts ? " and all after it" : "")"
        let before = refinery_memory_live()
        let directory = fastDirectory + "/refinery-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let happened = try use(directory, failing: number, lasts: lasts, place)
        #expect(refinery_memory_live() == before, "\(place): leaked")
        if happened { try check(SQLiteJobStore(directory: directory), place) }
        return happened
    }

    private func use(
        _ directory: String, failing number: Int, lasts: Bool, _ place: String
    ) throws -> Bool {
        let steps = try Self.steps.get()
        refinery_memory_arm(number, lasts ? 1 : 0)
        defer { refinery_memory_disarm() }
        let opened = attempt(place) { () throws(JobStoreError) in
            try SQLiteJobStore(directory: directory)
        }
        var done = 0
        if let opened {
            while done < steps.count,
                attempt(place, { () throws(JobStoreError) in try opened.apply(steps[done]) }) != nil
            {
                done += 1
            }
            if let contents = attempt(place, { () throws(JobStoreError) in try opened.contents() })
            {
                // Whoever starts from this gives no job up.
                #expect(contents.damaged.isEmpty && contents.notices.isEmpty, "\(place)")
                #expect(contents.unfinished.contains { $0.id == "a" } == (done > 0), "\(place)")
            }
            _ = attempt(place) { () throws(JobStoreError) in try opened.image(0, of: "a") }
            _ = attempt(place) { () throws(JobStoreError) in try opened.history(of: "b") }
        }
        let happened = refinery_memory_disarm() != 0
        // There is memory again.
        let store = try opened ?? SQLiteJobStore(directory: directory)
        for step in steps[done...] { try store.apply(step) }
        try check(store, place)
        return happened
    }

    /// - Returns: nil when it said that there was no memory.
    private func attempt<Value>(
        _ place: String, _ body: () throws(JobStoreError) -> Value
    ) -> Value? {
        do throws(JobStoreError) {
            return try body()
        } catch {
            #expect(error.kind == .memory, "\(place): \(error)")
            return nil
        }
    }

    /// One job under way and one that has ended.
    private static let steps = Result {
        let picture = StoredPicture(name: "p", file: [UInt8](repeating: 7, count: 20_000))
        return [
            [.accepted(try Stored.job("a"), pictures: [picture]), .started(id: "a")],
            [
                .handedOff(
                    id: "a",
                    StoredHandoff(
                        imageIndex: 0, sequence: 7, timeMilliseconds: 8, latentsSHA256: [9]))
            ],
            [
                .image(
                    id: "a", Stored.image(0, sequence: 11), summary: Event.Summary(baseSteps: 3),
                    ending: nil)
            ],
            [.checkpoint(id: "a", Stored.checkpoint(image: 1, step: 2))],
            [.accepted(try Stored.job("b"), pictures: [])],
            [.ended(id: "b", StoredEnding(error: .jobCancelled, milliseconds: 5))],
        ] as [[JobChange]]
    }

    private func check(_ store: SQLiteJobStore, _ place: String) throws {
        let contents = try store.contents()
        #expect(contents.damaged.isEmpty && contents.notices.isEmpty, "\(place)")
        #expect(contents.unfinished.map(\.id) == ["a"], "\(place)")
        #expect(contents.unfinished.first?.checkpoint == Stored.checkpoint(image: 1, step: 2))
        #expect(contents.unfinished.first?.images == [Stored.image(0, sequence: 11).facts])
        #expect(contents.ended.map(\.id) == ["b"] && contents.pictures.map(\.name) == ["p"])
        #expect(try store.image(0, of: "a") == Stored.image(0, sequence: 11))
        #expect(try store.history(of: "b")?.ending.error == .jobCancelled)
    }
}
