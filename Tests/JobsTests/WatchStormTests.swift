import Dispatch
import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// A server has just started again, and everybody who watched a job is back at once.
struct `Thousands that watch after a start` {
    static let count = 2000

    @Test func `cost the store one reading each of what is there, and all hear everything once`()
        throws
    {
        try withTemporaryDirectory { directory in
            let before = try Before(directory)
            let store = CountingStore(try reopen(directory))
            let lane = Gate()
            let scheduler = try JobScheduler(
                generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in
                    lane.pass()
                }), store: store, configuration: .eager)
            defer {
                lane.open()
                scheduler.stop(drain: true)
            }
            lane.waitForArrivals()
            // The store is slow, and has something to do already.
            let reading = Gate()
            scheduler.journal.read { _ in reading.pass() }
            reading.waitForArrivals()
            let writes = store.counts.writes

            let watchers = (0..<Self.count).map { Watcher($0, before) }
            DispatchQueue.concurrentPerform(iterations: Self.count) { index in
                watchers[index].watch(scheduler)
            }
            reading.open()
            for watcher in watchers where watcher.id == "done" {
                #expect(watcher.recorder.waitForEnd() == nil)
            }
            // Of live jobs too: their first pictures.
            for watcher in watchers where watcher.id == "live" && !watcher.isLate {
                watcher.recorder.waitForImages(1)
            }
            let counts = store.counts
            #expect(counts.histories == 1)
            // Two of the ended job's, and the one that the other has; the second once more where those who
            // have the first already were there first.
            #expect((3...4).contains(counts.images))
            #expect(counts.writes == writes)

            lane.open()
            for watcher in watchers {
                #expect(watcher.recorder.waitForEnd() == nil)
                #expect(watcher.recorder.complaints == [])
                let images = before.pictures[watcher.id] ?? []
                let told = watcher.recorder.images.map(\.png)
                #expect(told == Array(watcher.isLate ? images.dropFirst() : images[...]))
                #expect(watcher.recorder.images.last?.summary != nil)
                let accepted = watcher.recorder.events.contains {
                    if case .accepted = $0.content { true } else { false }
                }
                #expect(accepted != watcher.isLate)
            }
            #expect(scheduler.metrics.snapshot.jobs.addsUp)
        }
    }

    /// What the start before has left: one job that is done, one in its second picture.
    private struct Before {
        static let requests = [
            "done": request("done", images: 2), "live": request("live", images: 3),
        ]

        let pictures: [String: [[UInt8]]]
        /// Of each job's first picture.
        private(set) var sequences: [String: UInt64] = [:]

        init(_ directory: String) throws {
            pictures = Self.requests.mapValues { request in
                (0..<(request.numberResults ?? 1)).compactMap { Expected.png(of: request, $0) }
            }
            let gate = Gate()
            let scheduler = try JobScheduler(
                generator: FakeGenerator(hook: { (name, unit, _) throws(GenerationError) in
                    if name == "live", unit == 9 { gate.pass() }
                }), store: SQLiteJobStore(directory: directory), configuration: .eager)
            for (id, request) in Self.requests.sorted(by: { $0.key < $1.key }) {
                let recorder = Recorder()
                try scheduler.submit(request, observer: recorder.observe)
                if id == "done" { recorder.waitForEnd() } else { gate.waitForArrivals() }
                recorder.waitForImages(1)
                sequences[id] = recorder.events.first { $0.image != nil }?.sequence
            }
            #expect(!scheduler.drain(within: .milliseconds(1)))
            gate.open()
            scheduler.stop(drain: false)
        }
    }

    private struct Watcher {
        let id: String
        /// It has the first picture, and asks for what came after.
        let isLate: Bool
        let sequence: UInt64
        let recorder = Recorder()

        init(_ number: Int, _ before: Before) {
            id = number % 2 == 0 ? "done" : "live"
            isLate = number % 3 == 0
            sequence = isLate ? before.sequences[id] ?? 0 : 0
        }

        func watch(_ scheduler: JobScheduler) {
            do throws(GenerationError) {
                _ = try scheduler.watch(JobID(id), after: sequence, observer: recorder.observe)
            } catch {
                Issue.record(error)
            }
        }
    }
}

extension Event {
    fileprivate var image: Image? { if case .image(let image) = content { image } else { nil } }
}

/// Counts what is asked of a store.
private final class CountingStore: JobStore {
    struct Counts {
        var writes = 0
        var histories = 0
        var images = 0
    }

    private let store: SQLiteJobStore
    private let counted = Protected(Counts())

    let isDurable = true

    init(_ store: SQLiteJobStore) { self.store = store }

    var counts: Counts { counted.withLock { $0 } }

    func contents() throws(JobStoreError) -> StoreContents { try store.contents() }

    func apply(_ changes: [JobChange]) throws(JobStoreError) {
        counted.withLock { $0.writes += 1 }
        try store.apply(changes)
    }

    func history(of id: JobID) throws(JobStoreError) -> StoredHistory? {
        counted.withLock { $0.histories += 1 }
        return try store.history(of: id)
    }

    func pictures(of id: JobID) throws(JobStoreError) -> [StoredPicture] {
        try store.pictures(of: id)
    }

    func image(_ index: Int, of id: JobID) throws(JobStoreError) -> StoredImage? {
        counted.withLock { $0.images += 1 }
        return try store.image(index, of: id)
    }
}
