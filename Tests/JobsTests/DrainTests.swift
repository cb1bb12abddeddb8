import Foundation
import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// The end of a server that wants to lose nothing.
@Suite struct `Draining` {
    @Test func `lets what runs finish, and keeps what waits in a store that lasts`() throws {
        try withTemporaryDirectory { directory in
            try drain(directory)
            let next = try JobScheduler(generator: FakeGenerator(), store: reopen(directory))
            defer { next.stop(drain: false) }
            let later = Recorder()
            _ = try next.watch("waiting", after: 0, observer: later.observe)
            #expect(later.waitForEnd() == nil)
            #expect(try next.job("running").state == .finished)
        }
    }

    private func drain(_ directory: String) throws {
        let (running, waiting) = (Recorder(), Recorder())
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }),
            store: SQLiteJobStore(directory: directory))
        try scheduler.submit(request("running"), observer: running.observe)
        gate.waitForArrivals()
        try scheduler.submit(request("waiting"), observer: waiting.observe)
        waiting.waitForUpdates(2)
        let isWhole = Protected(false)
        let thread = TestThread {
            let result = scheduler.drain(within: .seconds(3600))
            isWhole.withLock { $0 = result }
        }
        // Told at once, and no error of the job's.
        #expect(waiting.waitForEnd() == .serverSuspending)
        let refusal = #expect(throws: GenerationError.self) {
            try scheduler.submit(request("new")) { _ in }
        }
        #expect(refusal?.status == .unavailable && refusal?.retryable == true)
        #expect(running.end == nil)
        gate.open()
        thread.join()
        #expect(isWhole.withLock { $0 })
        #expect(running.waitForEnd() == nil && running.images.count == 1)
    }

    @Test func `at its limit leaves a job where it is, without waiting for its step`() throws {
        try withTemporaryDirectory { directory in
            try abandon(directory)
            let next = try JobScheduler(generator: FakeGenerator(), store: reopen(directory))
            defer { next.stop(drain: false) }
            // From its checkpoint, not from the start.
            #expect(next.notices.contains { $0.contains("goes on from step 2 of image 1") })
            let later = Recorder()
            _ = try next.watch("a", after: 0, observer: later.observe)
            #expect(later.waitForEnd() == nil)
        }
    }

    private func abandon(_ directory: String) throws {
        let recorder = Recorder()
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, unit, _) throws(GenerationError) in
                if unit == 3 { gate.pass() }
            }),
            store: SQLiteJobStore(directory: directory), configuration: .eager)
        try scheduler.submit(request("a"), observer: recorder.observe)
        gate.waitForArrivals()
        #expect(!scheduler.drain(within: .milliseconds(1)))
        #expect(recorder.waitForEnd() == .serverSuspending)
        #expect(recorder.complaints == [])
        let stats = scheduler.metrics.snapshot.jobs
        #expect(stats.addsUp && stats.running == 0)
        // The lane comes back from its step to a table that it no longer changes.
        gate.open()
        scheduler.stop(drain: false)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `without such a store runs what waits too, and ends at the limit what is left`()
        throws
    {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (name, _, _) throws(GenerationError) in
                if name == "c" { gate.pass() }
            }))
        let recorders = ["a", "b", "c", "d"].map { ($0, Recorder()) }
        for (name, recorder) in recorders {
            try scheduler.submit(request(name), observer: recorder.observe)
        }
        gate.waitForArrivals()
        #expect(!scheduler.drain(within: .milliseconds(1)))
        let ends = recorders.map { $0.1.waitForEnd()?.status }
        #expect(ends == [nil, nil, .unavailable, .unavailable])
        gate.open()
    }

    @Test func `of an idle server is over at once`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        #expect(scheduler.drain(within: .seconds(3600)))
        scheduler.stop(drain: false)
    }

    @Test func `is heard of by whoever hears of all ends`() throws {
        let endings = Protected<[JobEnding]>([])
        let scheduler = try JobScheduler(
            generator: FakeGenerator(), store: SQLiteJobStore(),
            onEnd: { ending in endings.withLock { $0.append(ending) } })
        for (name, tenant) in [("a", "alice"), ("b", "")] {
            let recorder = Recorder()
            try scheduler.submit(request(name), of: tenant, observer: recorder.observe)
            recorder.waitForEnd()
        }
        #expect(scheduler.drain(within: .seconds(3600)))
        let told = endings.withLock { $0 }
        #expect(told.map(\.id) == [JobID("a", of: "alice"), JobID("b")])
        #expect(told.allSatisfy { $0.description.state == .finished && $0.waited <= $0.total })
        #expect(scheduler.metrics.snapshot.jobSeconds.count == 2)
    }
}
