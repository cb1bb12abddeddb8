internal import Metrics

/// Brings changes to the store in the order they are given, on a thread of its own: neither the event
/// loop nor a lane ever waits for a disk. Changes that have gathered meanwhile become one transaction,
/// and of a job's checkpoints in a row only the last is written.
final class JobJournal: Sendable {
    typealias Completion = @Sendable (JobStoreError?) -> Void

    private enum Item {
        case change(JobChange, Completion)
        case read(@Sendable (any JobStore) -> Void)
    }

    private struct Inbox {
        var items: [Item] = []
        /// Reads that wait and no change came after.
        var histories: [JobID: SharedRead<StoredHistory?>] = [:]
        var images: [ImagePlace: SharedRead<StoredImage?>] = [:]
        var isClosing = false
    }

    private struct ImagePlace: Hashable {
        var job: JobID
        var index: Int
    }

    /// Changes in one transaction.
    private static let batchMaximum = 64

    private let store: any JobStore
    private let inbox = Protected(Inbox())
    private let thread = Protected<LaneThread?>(nil)
    /// Endings that could not be written; they are tried again before whatever comes next.
    private let owed = Protected<[JobChange]>([])

    init(_ store: any JobStore) {
        self.store = store
        let thread = LaneThread(name: "journal", stackByteCount: 1 << 20) { [self] in run() }
        self.thread.withLock { $0 = thread }
    }

    /// - Parameter completion: called on the journal's thread, with nil once the change is durable; not
    ///   called for a checkpoint that another one supersedes.
    func write(_ change: JobChange, completion: @escaping Completion) {
        inbox.withLock { inbox in
            Self.removeCheckpoint(of: change, from: &inbox.items)
            inbox.items.append(.change(change, completion))
            // Who asks from now on is to know of it.
            inbox.histories = [:]
            inbox.images = [:]
        }
        inbox.notify()
    }

    /// Reads between two transactions, after all that was written before.
    func read(_ body: @escaping @Sendable (any JobStore) -> Void) {
        inbox.withLock { $0.items.append(.read(body)) }
        inbox.notify()
    }

    /// What the store has of an ended job, as ``read(_:)``. All who ask before it is read, and before anything
    /// more is written, share one reading: thousands of watchers cost the store no more than one.
    func readHistory(of id: JobID, _ body: @escaping SharedRead<StoredHistory?>.Body) {
        share(\.histories, id, body) { store throws(JobStoreError) in try store.history(of: id) }
    }

    /// A finished image, likewise.
    func readImage(
        _ index: Int, of id: JobID, _ body: @escaping SharedRead<StoredImage?>.Body
    ) {
        share(\.images, ImagePlace(job: id, index: index), body) { store throws(JobStoreError) in
            try store.image(index, of: id)
        }
    }

    private func share<Key: Hashable & Sendable, Value>(
        _ reads: any WritableKeyPath<Inbox, [Key: SharedRead<Value>]> & Sendable, _ key: Key,
        _ body: @escaping SharedRead<Value>.Body,
        _ get: @escaping @Sendable (any JobStore) throws(JobStoreError) -> Value
    ) {
        inbox.withLock { inbox in
            if let read = inbox[keyPath: reads][key] { return read.add(body) }
            let read = SharedRead(body)
            inbox[keyPath: reads][key] = read
            inbox.items.append(
                .read { [self] store in
                    self.inbox.withLock { inbox in
                        if inbox[keyPath: reads][key] === read { inbox[keyPath: reads][key] = nil }
                    }
                    read.answer(Result { () throws(JobStoreError) in try get(store) })
                })
        }
        inbox.notify()
    }

    /// Does what it has been given, and ends. To be called once, not from its own thread.
    func close() {
        inbox.withLock { $0.isClosing = true }
        inbox.notify()
        thread.withLock { $0 }?.join()
    }

    /// A checkpoint that waits is of no use once the job has a newer one, or an image.
    private static func removeCheckpoint(of change: JobChange, from items: inout [Item]) {
        switch change {
        case .checkpoint, .image, .ended: break
        default: return
        }
        items.removeAll { item in
            if case .change(.checkpoint(change.id, _), _) = item { true } else { false }
        }
    }

    private func run() {
        while let items = nextItems() {
            var batch: [(JobChange, Completion)] = []
            for item in items {
                switch item {
                case .change(let change, let completion):
                    batch.append((change, completion))
                    if batch.count == Self.batchMaximum { write(&batch) }
                case .read(let body):
                    write(&batch)
                    body(store)
                }
            }
            write(&batch)
        }
        retryOwed()
    }

    /// All that waits; nil when it is to end.
    private func nextItems() -> [Item]? {
        inbox.wait { inbox -> [Item]?? in
            guard inbox.items.isEmpty else {
                defer { inbox.items = [] }
                return inbox.items
            }
            return inbox.isClosing ? .some(nil) : nil
        }
    }

    private func write(_ batch: inout [(JobChange, Completion)]) {
        guard !batch.isEmpty else { return }
        defer { batch = [] }
        retryOwed()
        if apply(batch.map(\.0)) == nil {
            for (_, completion) in batch { completion(nil) }
            return
        }
        // One of them may be at fault, or too large for what room is left.
        for (change, completion) in batch {
            let error = apply([change])
            if error != nil, case .ended = change { owed.withLock { $0.append(change) } }
            completion(error)
        }
    }

    private func retryOwed() {
        let changes = owed.withLock { $0 }
        guard !changes.isEmpty, apply(changes) == nil else { return }
        owed.withLock { $0 = [] }
    }

    private func apply(_ changes: [JobChange]) -> JobStoreError? {
        do throws(JobStoreError) {
            try store.apply(changes)
            return nil
        } catch {
            return error
        }
    }
}
