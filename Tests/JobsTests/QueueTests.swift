import Foundation
import Generation
import Jobs
import Metrics
import Testing

@Suite struct `The queue` {
    @Test func `refuses what is beyond its limit, and nothing else suffers`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }),
            configuration: JobScheduler.Configuration(laneCount: 2, queueLimit: 3))
        defer { scheduler.stop(drain: false) }
        let recorders = (0..<5).map { _ in Recorder() }
        for recorder in recorders.prefix(2) {
            try scheduler.submit(request(), observer: recorder.observe)
        }
        gate.waitForArrivals(2)
        for recorder in recorders.dropFirst(2) {
            try scheduler.submit(request(), observer: recorder.observe)
            recorder.waitForUpdates(2)
        }
        let error = #expect(throws: GenerationError.self) {
            try scheduler.submit(request()) { _ in Issue.record("was told") }
        }
        #expect(error?.status == .resourceExhausted)
        #expect(error?.code == "queueFull")
        #expect(error?.retryable == true)
        #expect(error?.message.contains("3 jobs wait") == true)
        #expect(error?.message.contains("2 run") == true)
        let now = scheduler.metrics.snapshot.jobs
        #expect(now.queued == 3)
        #expect(now.running == 2)
        #expect(now.refused == 1)
        #expect(now.addsUp)
        gate.open()
        for recorder in recorders { #expect(recorder.waitForEnd() == nil) }
        #expect(scheduler.metrics.snapshot.jobs.finished == 5)
    }

    @Test func `tells each job its place, and again when it changes`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }))
        defer { scheduler.stop(drain: false) }
        let recorders = (0..<5).map { _ in Recorder() }
        var handles = [try scheduler.submit(request("0"), observer: recorders[0].observe)]
        gate.waitForArrivals()
        for index in 1..<5 {
            handles.append(
                try scheduler.submit(request("\(index)"), observer: recorders[index].observe))
        }
        for recorder in recorders { recorder.waitForUpdates(2) }
        #expect(recorders.map(\.places) == [[0], [0], [1], [2], [3]])
        scheduler.cancel(handles[2])
        #expect(recorders[2].waitForEnd()?.status == .cancelled)
        for recorder in recorders.suffix(2) { recorder.waitForUpdates(3) }
        #expect(recorders.map(\.places) == [[0], [0], [1], [2, 1], [3, 2]])
        gate.open()
        for index in [0, 1, 3, 4] { #expect(recorders[index].waitForEnd() == nil) }
        #expect(recorders.map(\.places) == [[0], [0], [1], [2, 1, 0], [3, 2, 1, 0]])
        #expect(recorders.allSatisfy { $0.complaints.isEmpty })
    }

    @Test func `knows how long it will take, once work has been measured`() throws {
        let clock = FakeClock()
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, _, _) throws(GenerationError) in
                if id == "held" { gate.pass() } else { clock.advance(by: .seconds(1)) }
            }), clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        let first = Recorder()
        try scheduler.submit(request("first"), observer: first.observe)
        #expect(first.waitForEnd() == nil)
        let held = Recorder()
        try scheduler.submit(request("held"), observer: held.observe)
        gate.waitForArrivals()
        let waiting = Recorder()
        try scheduler.submit(request("waiting"), observer: waiting.observe)
        waiting.waitForUpdates(2)
        let etas = [first, held, waiting].map { recorder in
            recorder.events.compactMap { event in
                if case .queued(let it) = event.content { it.etaSeconds } else { nil }
            }
        }
        // A text encoding, five steps and a decoding of a second each; twice, behind another job.
        #expect(etas == [[], [7], [14]])
        gate.open()
        #expect(waiting.waitForEnd() == nil)
    }

    @Test func `takes a name for one request at a time`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }))
        defer { scheduler.stop(drain: false) }
        let running = Recorder()
        try scheduler.submit(request("a"), observer: running.observe)
        gate.waitForArrivals()
        let queued = Recorder()
        let handle = try scheduler.submit(request("b"), observer: queued.observe)
        for id in ["a", "b"] {
            var other = request(id)
            other.steps = 6
            let error = #expect(throws: GenerationError.self) {
                try scheduler.submit(other) { _ in Issue.record("was told") }
            }
            #expect(error?.status == .alreadyExists)
            #expect(error?.code == "conflictTaskUUID")
        }
        scheduler.cancel(handle)
        #expect(queued.waitForEnd()?.status == .cancelled)
        let again = Recorder()
        try scheduler.submit(request("b"), observer: again.observe)
        // The old handle is of the old job.
        scheduler.cancel(handle)
        #expect(again.end == nil)
        gate.open()
        #expect(again.waitForEnd() == nil)
        #expect(running.waitForEnd() == nil)
    }

    @Test func `never sees a request that cannot be`() throws {
        let failure = GenerationError(.invalidArgument, code: "invalidScheduler", "no such one")
        let scheduler = try JobScheduler(generator: FakeGenerator(planFailure: failure))
        defer { scheduler.stop(drain: false) }
        var bad = request()
        bad.steps = 0
        for (request, code) in [(request(), "invalidScheduler"), (bad, "invalidSteps")] {
            let error = #expect(throws: GenerationError.self) {
                try scheduler.submit(request) { _ in Issue.record("was told") }
            }
            #expect(error?.code == code)
        }
        #expect(scheduler.metrics.snapshot.jobs.refused == 2)
        #expect(scheduler.metrics.snapshot.jobs.accepted == 0)
    }
}

@Suite struct `Lanes` {
    @Test func `work at the same time, each on one job`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }),
            configuration: JobScheduler.Configuration(laneCount: 3))
        let recorders = (0..<3).map { _ in Recorder() }
        for recorder in recorders { try scheduler.submit(request(), observer: recorder.observe) }
        // Only three threads can bring three jobs this far.
        gate.waitForArrivals(3)
        #expect(scheduler.metrics.snapshot.jobs.running == 3)
        gate.open()
        for recorder in recorders { #expect(recorder.waitForEnd() == nil) }
        scheduler.stop(drain: false)
    }

    @Test func `are threads that tools show by name`() throws {
        let name = Protected("")
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in
                let file = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
                name.withLock { $0 = file ?? "" }
            }))
        let recorder = Recorder()
        try scheduler.submit(request(), observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        scheduler.stop(drain: false)
        #expect(name.withLock { $0 } == "lane-0\n")
    }

    @Test func `keep all sums and orders whatever is submitted and cancelled at once`() throws {
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                if id.hasSuffix("7"), index == 3 {
                    throw GenerationError(.internal, code: "inferenceError", "three")
                }
            }),
            configuration: JobScheduler.Configuration(laneCount: 4, queueLimit: 16))
        var recorders: [Recorder] = []
        var refusedCount = 0
        for index in 0..<120 {
            let recorder = Recorder()
            do throws(GenerationError) {
                let handle = try scheduler.submit(request("\(index)"), observer: recorder.observe)
                recorders.append(recorder)
                if index % 3 == 0 { scheduler.cancel(handle) }
            } catch {
                #expect(error.status == .resourceExhausted)
                refusedCount += 1
            }
            #expect(scheduler.metrics.snapshot.jobs.addsUp)
        }
        scheduler.stop(drain: true)
        let now = scheduler.metrics.snapshot.jobs
        #expect(now.addsUp)
        #expect(now.queued == 0)
        #expect(now.running == 0)
        #expect(now.accepted == UInt64(recorders.count))
        #expect(now.refused == UInt64(refusedCount))
        #expect(now.finished == UInt64(recorders.count { $0.end?.failure == nil }))
        for recorder in recorders {
            #expect(recorder.end != nil)
            #expect(recorder.complaints == [])
        }
    }
}

@Suite struct `Stopping` {
    @Test func `with nothing to do returns, any number of times`() throws {
        let scheduler = try JobScheduler(
            generator: FakeGenerator(),
            configuration: JobScheduler.Configuration(laneCount: 3))
        scheduler.stop(drain: true)
        scheduler.stop(drain: false)
        scheduler.stop(drain: true)
        let error = #expect(throws: GenerationError.self) {
            try scheduler.submit(request()) { _ in Issue.record("was told") }
        }
        #expect(error?.status == .unavailable)
        #expect(error?.retryable == true)
    }

    @Test func `finishes what was accepted when draining`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        let recorders = (0..<4).map { _ in Recorder() }
        for recorder in recorders { try scheduler.submit(request(), observer: recorder.observe) }
        scheduler.stop(drain: true)
        for recorder in recorders {
            #expect(recorder.end != nil)
            #expect(recorder.images.count == 1)
        }
        #expect(scheduler.metrics.snapshot.jobs.finished == 4)
    }

    @Test func `ends queued jobs at once and running ones before their next unit`() throws {
        let gate = Gate()
        let units = Protected(0)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in
                units.withLock { $0 += 1 }
                gate.pass()
            }))
        let recorders = (0..<3).map { _ in Recorder() }
        try scheduler.submit(request(), observer: recorders[0].observe)
        gate.waitForArrivals()
        for recorder in recorders.dropFirst() {
            try scheduler.submit(request(), observer: recorder.observe)
        }
        let stopped = Gate()
        // One that waits for all jobs is cut short by one that does not.
        let threads = [true, false].map { drain in
            TestThread {
                scheduler.stop(drain: drain)
                stopped.open()
            }
        }
        for recorder in recorders.dropFirst() {
            #expect(recorder.waitForEnd()?.status == .unavailable)
        }
        gate.open()
        stopped.pass()
        for thread in threads { thread.join() }
        #expect(recorders[0].end?.failure?.status == .unavailable)
        #expect(units.withLock { $0 } == 1)
        let now = scheduler.metrics.snapshot.jobs
        #expect(now.cancelled == 3)
        #expect(now.addsUp)
    }
}
