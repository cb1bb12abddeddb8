import Foundation
import Metrics

@testable import Jobs

/// A store that, like its process, is suddenly no more: nothing is written from then on, and nothing comes
/// of what was to be, until it is buried.
final class DyingStore: JobStore {
    private let store: SQLiteJobStore
    private let writesLeft: Protected<Int>
    private let burial = Gate()

    let isDurable = true

    /// - Parameter writes: that still go through.
    init(_ store: SQLiteJobStore, writes: Int) {
        self.store = store
        writesLeft = Protected(writes)
    }

    func die() {
        writesLeft.withLock { $0 = 0 }
        writesLeft.notify()
    }

    /// From here on writes fail, so that those who wait for them can end.
    func bury() {
        die()
        burial.open()
    }

    var isDead: Bool { writesLeft.withLock { $0 <= 0 } }

    /// Until the store has all that has happened so far.
    func waitUntilWritten(_ scheduler: JobScheduler) {
        let written = Gate()
        scheduler.journal.read { _ in written.open() }
        written.pass()
    }

    func contents() throws(JobStoreError) -> StoreContents { try store.contents() }

    func apply(_ changes: [JobChange]) throws(JobStoreError) {
        // One at a time, to die between any two.
        for change in changes {
            guard writesLeft.withLock({ $0 > 0 }) else {
                burial.pass()
                throw JobStoreError(.failed, "the store is dead")
            }
            try store.apply([change])
            writesLeft.withLock { $0 -= 1 }
            writesLeft.notify()
        }
    }

    func history(of id: JobID) throws(JobStoreError) -> StoredHistory? {
        try store.history(of: id)
    }

    func pictures(of id: JobID) throws(JobStoreError) -> [StoredPicture] {
        try store.pictures(of: id)
    }

    func image(_ index: Int, of id: JobID) throws(JobStoreError) -> StoredImage? {
        try store.image(index, of: id)
    }
}

extension Recorder {
    /// Waits for the job's end or the store's, whichever comes first.
    func waitForEnd(or store: DyingStore) {
        while end == nil, !store.isDead { usleep(500) }
    }
}
