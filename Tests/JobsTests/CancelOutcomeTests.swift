import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

@Suite struct `Cancelling by name` {
    /// Units: the text encoding, then for each of two pictures five steps (two the refiner's) and a
    /// decoding.
    @Test(arguments: 1..<6, [CancelOutcome.decodeNow, .skipToRefiner])
    func `with an outcome gives the picture under way, and no other`(
        unit: Int, outcome: CancelOutcome
    ) throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == unit { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("a", images: 2), observer: recorder.observe)
        gate.waitForArrivals()
        #expect(try answer { scheduler.cancel("a", outcome, reply: $0) }.state == .running)
        gate.open()
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.images.count == 1)
        let summary = try #require(recorder.images.first?.summary)
        #expect(summary.isCutShort)
        // The unit that ran when it was asked is finished.
        let refined = outcome == .skipToRefiner ? 2 : max(0, unit - 3)
        #expect(summary.baseSteps == min(unit, 3) && summary.refinerSteps == refined)
        let handoffs = recorder.events.count { event in
            if case .handedOff = event.content { true } else { false }
        }
        #expect(handoffs == (outcome == .skipToRefiner || unit >= 3 ? 1 : 0))
        #expect(recorder.complaints == [])
        #expect(try scheduler.job("a").state == .finished)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `while it waits takes effect after the first step`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, _, _) throws(GenerationError) in
                if id == "first" { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("first")) { _ in }
        gate.waitForArrivals()
        try scheduler.submit(request("a"), observer: recorder.observe)
        recorder.waitForUpdates(2)
        #expect(try answer { scheduler.cancel("a", .decodeNow, reply: $0) }.state == .queued)
        gate.open()
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.images.first?.summary?.baseSteps == 1)
    }

    @Test func `discards a waiting job at once, and an ended one not at all`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }))
        defer { scheduler.stop(drain: false) }
        let recorders = [Recorder(), Recorder()]
        try scheduler.submit(request("a"), observer: recorders[0].observe)
        gate.waitForArrivals()
        try scheduler.submit(request("b"), observer: recorders[1].observe)
        recorders[1].waitForUpdates(2)
        #expect(try answer { scheduler.cancel("b", .discard, reply: $0) }.state == .cancelled)
        #expect(recorders[1].waitForEnd()?.status == .cancelled)
        #expect(try answer { scheduler.cancel("b", .decodeNow, reply: $0) }.state == .cancelled)
        gate.open()
        #expect(recorders[0].waitForEnd() == nil)
        #expect(try answer { scheduler.cancel("a", .discard, reply: $0) }.state == .finished)
        let error = #expect(throws: GenerationError.self) {
            try answer { scheduler.cancel("c", .discard, reply: $0) }
        }
        #expect(error?.status == .notFound)
    }

    @Test func `cannot skip to a refiner that is not there`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("a", refined: false), observer: recorder.observe)
        gate.waitForArrivals()
        let error = #expect(throws: GenerationError.self) {
            try answer { scheduler.cancel("a", .skipToRefiner, reply: $0) }
        }
        #expect(error?.status == .failedPrecondition)
        gate.open()
        #expect(recorder.waitForEnd() == nil)
    }

    @Test(arguments: [CancelOutcome.discard, .decodeNow, .skipToRefiner])
    func `is remembered when the process ends before it takes effect`(
        outcome: CancelOutcome
    ) throws {
        try withTemporaryDirectory { directory in
            let gate = Gate()
            do {
                let store = DyingStore(try SQLiteJobStore(directory: directory), writes: .max)
                let scheduler = try JobScheduler(
                    generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                        if index == 2 { gate.pass() }
                    }), store: store, configuration: .eager)
                try scheduler.submit(request("a", images: 2)) { _ in }
                gate.waitForArrivals()
                _ = try answer { scheduler.cancel("a", outcome, reply: $0) }
                store.bury()
                gate.open()
                scheduler.stop(drain: false)
            }
            let scheduler = try JobScheduler(
                generator: FakeGenerator(), store: SQLiteJobStore(directory: directory),
                configuration: .eager)
            defer { scheduler.stop(drain: false) }
            let recorder = Recorder()
            _ = try scheduler.watch("a", after: 0, observer: recorder.observe)
            let error = recorder.waitForEnd()
            #expect((error?.status == .cancelled) == (outcome == .discard))
            #expect(recorder.images.count == (outcome == .discard ? 0 : 1))
        }
    }
}

@Suite struct `Turns in the queue` {
    /// The order in which jobs are begun, all submitted while another one runs.
    private func order(
        _ jobs: [(id: String, client: UInt64, priority: Int)], waits: Duration = .zero,
        late: (id: String, client: UInt64, priority: Int)? = nil
    ) throws -> [String] {
        let clock = FakeClock()
        let gate = Gate()
        let begun = Protected<[String]>([])
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                clock.advance(by: .milliseconds(1))
                if id == "running" {
                    gate.pass()
                } else if index == 0 {
                    begun.withLock { $0.append(id) }
                }
            }), clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        // Nothing overtakes it.
        var running = request("running")
        running.priority = 10
        try scheduler.submit(running) { _ in }
        gate.waitForArrivals()
        var recorders: [Recorder] = []
        for job in jobs + [late].compactMap(\.self) {
            if job.id == late?.id { clock.advance(by: waits) }
            var asked = request(job.id)
            asked.priority = job.priority
            let recorder = Recorder()
            recorders.append(recorder)
            try scheduler.submit(asked, client: job.client, observer: recorder.observe)
            recorder.waitForUpdates(2)
        }
        // As it was foreseen.
        var places: [String] = []
        for place in recorders.indices {
            for recorder in recorders {
                let job = try scheduler.job(JobID(recorder.events[0].jobID))
                if job.place == place { places.append(job.id) }
            }
        }
        gate.open()
        for recorder in recorders { #expect(recorder.waitForEnd() == nil) }
        #expect(begun.withLock { $0 } == places)
        return places
    }

    @Test func `go by priority, then by age`() throws {
        let jobs: [(String, UInt64, Int)] = [
            ("low", 1, -1), ("a", 1, 0), ("high", 1, 5), ("b", 1, 0),
        ]
        #expect(try order(jobs) == ["high", "a", "b", "low"])
    }

    @Test func `alternate between clients, however many jobs one has`() throws {
        let jobs: [(String, UInt64, Int)] = [
            ("a1", 1, 0), ("a2", 1, 0), ("a3", 1, 0), ("b1", 2, 0), ("b2", 2, 0), ("c1", 3, 0),
        ]
        #expect(try order(jobs) == ["a1", "b1", "c1", "a2", "b2", "a3"])
    }

    @Test(arguments: [(59, ["late", "low"]), (61, ["low", "late"])])
    func `come to those who wait`(seconds: Int, expected: [String]) throws {
        let order = try order(
            [("low", 1, 0)], waits: .seconds(seconds), late: ("late", 2, 1))
        #expect(order == expected)
    }
}
