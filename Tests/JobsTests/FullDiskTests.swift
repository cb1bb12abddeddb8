import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// Writes that fail: the server stays up, what can be delivered is, and nobody believes that something is
/// kept which is not.
struct FullDiskTests {
    @Test(arguments: [
        (JobStoreError.Kind.full, StatusCode.resourceExhausted), (.failed, .unavailable),
    ])
    func `a job that cannot be stored is refused, and the next one is taken when there is room`(
        kind: JobStoreError.Kind, status: StatusCode
    ) throws {
        let store = ModelStore()
        let scheduler = try JobScheduler(generator: FakeGenerator(), store: store)
        defer { scheduler.stop(drain: false) }
        store.fail(with: JobStoreError(kind, "no room"))
        let refused = Recorder()
        try scheduler.submit(request("a"), observer: refused.observe)
        let error = refused.waitForEnd()
        #expect(error?.status == status && error?.code == "storeFailed")
        #expect(error?.retryable == true && refused.events.isEmpty)
        let reply = #expect(throws: GenerationError.self) {
            try answer { scheduler.submit(request("b"), client: 0, reply: $0) }
        }
        #expect(reply?.status == status)
        #expect(scheduler.metrics.snapshot.jobs.accepted == 0)
        store.fail(with: nil)
        let taken = Recorder()
        try scheduler.submit(request("a"), observer: taken.observe)
        #expect(taken.waitForEnd() == nil)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test(arguments: [1, 2])
    func `a running job goes on without checkpoints, and its picture is delivered, not kept`(
        images: Int
    ) throws {
        let store = ModelStore()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                if id == "a", index == 2 { store.fail(with: JobStoreError(.full, "no room")) }
            }), store: store, configuration: .eager)
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("a", images: images), observer: recorder.observe)
        let error = recorder.waitForEnd()
        #expect(error?.status == .resourceExhausted && error?.code == "storeFailed")
        #expect(recorder.images.first?.imageIndex == 0)
        #expect(recorder.complaints == [])
        #expect(try scheduler.job("a").state == .failed)
        store.fail(with: nil)
        // What was owed is written before the next change.
        let next = Recorder()
        try scheduler.submit(request("b"), observer: next.observe)
        next.waitForUpdates(1)
        #expect(try !store.contents().unfinished.map(\.id).contains("a"))
    }
}
