import Generation
import Metrics
import Testing

@testable import Jobs

/// One text encoding, and for each of two pictures five steps and a decoding.
private let unitCount = 13

@Suite struct `A running job` {
    @Test(arguments: 0..<unitCount)
    func `is cancelled before its next unit of work`(unit: Int) throws {
        let gate = Gate()
        let lastUnit = Protected(-1)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                guard id == "first" else { return }
                lastUnit.withLock { $0 = index }
                if index == unit { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        let handle = try scheduler.submit(request("first", images: 2), observer: recorder.observe)
        gate.waitForArrivals()
        scheduler.cancel(handle)
        scheduler.cancel(handle)
        #expect(recorder.end == nil)
        gate.open()
        let error = recorder.waitForEnd()
        #expect(lastUnit.withLock { $0 } == unit)
        // After the last unit there is nothing left to cancel.
        let isDone = unit == unitCount - 1
        #expect(error?.status == (isDone ? nil : .cancelled))
        #expect(recorder.images.count == (isDone ? 2 : unit >= 6 ? 1 : 0))
        #expect(recorder.complaints == [])
        scheduler.cancel(handle)
        try expectGoodJob(scheduler)
        let now = scheduler.metrics.snapshot.jobs
        #expect(now.addsUp)
        #expect(now.cancelled == (isDone ? 0 : 1))
        #expect(now.finished == (isDone ? 2 : 1))
    }

    @Test(arguments: 0..<unitCount)
    func `ends with the generator's error, at whichever unit`(unit: Int) throws {
        let failure = GenerationError(
            .internal, code: "inferenceError", "step \(unit) is not finite")
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                if id == "first", index == unit { throw failure }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("first", images: 2), observer: recorder.observe)
        #expect(recorder.waitForEnd() == failure)
        #expect(recorder.images.count == (unit > 6 ? 1 : 0))
        #expect(recorder.complaints == [])
        try expectGoodJob(scheduler)
        #expect(scheduler.metrics.snapshot.jobs.failed == 1)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `lets go of what computed it, whoever still holds the job`() throws {
        let shop = Workshop()
        try shop.submit(request("a", images: 2))
        let job = try #require(shop.take())
        shop.finish(job)
        #expect(job.activity != nil)
        shop.workUntilIdle()
        #expect(shop.ends["a"] != nil && job.activity == nil)
    }

    @Test func `ends with the error of its making`() throws {
        let failure = GenerationError(.dataLoss, code: "modelUnavailable", "the file is gone")
        let scheduler = try JobScheduler(generator: FakeGenerator(makeRunFailure: failure))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request(), observer: recorder.observe)
        #expect(recorder.waitForEnd() == failure)
    }

    @Test(arguments: [0, 1, 6, 7, 12])
    func `fails when the run ends before all pictures are made`(unitMaximum: Int) throws {
        let scheduler = try JobScheduler(generator: FakeGenerator(unitMaximum: unitMaximum))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request(images: 2), observer: recorder.observe)
        #expect(recorder.waitForEnd()?.status == .internal)
    }

    @Test func `fails when its picture cannot be written`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator(missingByteCount: 1))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request(), observer: recorder.observe)
        let error = recorder.waitForEnd()
        #expect(error?.status == .internal)
        #expect(error?.message.contains("Picture 1") == true)
    }

    @Test func `can be cancelled by its own observer`() throws {
        let handle = Protected<JobHandle?>(nil)
        let holder = Protected<JobScheduler?>(nil)
        let (submitted, cancelled) = (Gate(), Gate())
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == 0 { submitted.pass() }
                if index == 3 { cancelled.pass() }
            }))
        holder.withLock { $0 = scheduler }
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder { update in
            guard case .event(let event) = update, case .progress(let progress) = event.content,
                progress.step == 2, let handle = handle.withLock({ $0 })
            else { return }
            holder.withLock { $0 }?.cancel(handle)
            cancelled.open()
        }
        let made = try scheduler.submit(request(), observer: recorder.observe)
        handle.withLock { $0 = made }
        submitted.open()
        #expect(recorder.waitForEnd()?.status == .cancelled)
        #expect([2, 3].contains(recorder.progress.last?.step))
        holder.withLock { $0 = nil }
        handle.withLock { $0 = nil }
    }
}

@Suite struct `A deadline` {
    @Test(arguments: [Duration.zero, .seconds(-1), .seconds(Int64.min)])
    func `that has passed on arrival refuses the job`(deadline: Duration) throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let error = #expect(throws: GenerationError.self) {
            try scheduler.submit(request(), deadline: deadline) { _ in Issue.record("was told") }
        }
        #expect(error?.status == .deadlineExceeded)
        #expect(scheduler.metrics.snapshot.jobs.refused == 1)
        #expect(scheduler.metrics.snapshot.jobs.accepted == 0)
    }

    @Test(arguments: 0..<7)
    func `that passes within a unit of work ends the job after it`(unit: Int) throws {
        let clock = FakeClock()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == unit { clock.advance(by: .seconds(10)) }
            }), clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request(), deadline: .seconds(10), observer: recorder.observe)
        let error = recorder.waitForEnd()
        // What is done when the time is up is handed over.
        #expect(error?.status == (unit == 6 ? nil : .deadlineExceeded))
        #expect(scheduler.metrics.snapshot.jobs.failed == (unit == 6 ? 0 : 1))
    }

    @Test func `that passes in the queue ends the job there, while another computes`() throws {
        let clock = FakeClock()
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                #expect(id == "long")
                if index == 1 { gate.pass() }
            }), clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        let long = Recorder()
        try scheduler.submit(request("long"), observer: long.observe)
        gate.waitForArrivals()
        let short = Recorder()
        try scheduler.submit(request("short"), deadline: .seconds(5), observer: short.observe)
        short.waitForUpdates(2)
        clock.advance(by: .seconds(5))
        #expect(short.waitForEnd()?.status == .deadlineExceeded)
        #expect(long.end == nil)
        gate.open()
        #expect(long.waitForEnd() == nil)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `may be as far off as can be said`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        for deadline in [Duration.nanoseconds(Int64.max), .seconds(Int64.max)] {
            let recorder = Recorder()
            try scheduler.submit(request(), deadline: deadline, observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
        }
    }
}

/// After whatever happened, the next job is served as if nothing had.
private func expectGoodJob(_ scheduler: JobScheduler) throws {
    let recorder = Recorder()
    try scheduler.submit(request("next"), observer: recorder.observe)
    #expect(recorder.waitForEnd() == nil)
    #expect(recorder.images.count == 1)
}
