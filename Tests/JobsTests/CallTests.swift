import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// What can be asked about jobs that are there.
@Suite struct `A job that is there` {
    /// A call that had its reply held its job, run and all, for ever.
    @Test func `is let go of by the call that submitted it`() throws {
        weak var freed: JobScheduler?
        do {
            let scheduler = try JobScheduler(generator: FakeGenerator())
            freed = scheduler
            let job = try answer { scheduler.submit(request("a"), client: 1, reply: $0) }
            let recorder = Recorder()
            _ = try scheduler.watch(JobID(job.id), after: 0, observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
            scheduler.stop(drain: true)
        }
        #expect(freed == nil)
    }

    @Test func `tells any number of watchers, also late ones, what still counts and what comes`()
        throws
    {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                // In the second picture's second step.
                if index == 8 { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let first = Recorder()
        try scheduler.submit(request("a", images: 2), observer: first.observe)
        gate.waitForArrivals()
        // It is told once it is stored.
        first.waitForImages(1)
        let late = (0..<5).map { _ in Recorder() }
        for recorder in late {
            _ = try scheduler.watch("a", after: 0, observer: recorder.observe)
        }
        let known = try #require(
            first.events.last { if case .image = $0.content { true } else { false } })
        let reattached = Recorder()
        _ = try scheduler.watch("a", after: known.sequence, observer: reattached.observe)
        gate.open()
        for recorder in [first, reattached] + late {
            #expect(recorder.waitForEnd() == nil)
            #expect(recorder.complaints == [])
            #expect(recorder.images.last?.summary != nil)
        }
        for recorder in late {
            #expect(recorder.images.map(\.png) == first.images.map(\.png))
            guard case .accepted = recorder.events.first?.content else {
                Issue.record("the plan is told first")
                continue
            }
            // The one step that still counts, not all that were.
            #expect(recorder.progress.first?.imageIndex == 1)
        }
        #expect(reattached.images.map(\.imageIndex) == [1])
        #expect(reattached.events.allSatisfy { $0.sequence > known.sequence })
        // Ended by now, its pictures come from the store.
        let afterwards = Recorder()
        _ = try scheduler.watch("a", after: 0, observer: afterwards.observe)
        #expect(afterwards.waitForEnd() == nil)
        #expect(afterwards.images == first.images)
    }

    @Test func `is described as it stands`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == 3 { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorders = [Recorder(), Recorder()]
        try scheduler.submit(request("a", images: 2), observer: recorders[0].observe)
        gate.waitForArrivals()
        try scheduler.submit(request("b"), observer: recorders[1].observe)
        recorders[1].waitForUpdates(2)
        let running = try scheduler.job("a")
        #expect(running.state == .running && running.phase == .base && running.step == 2)
        #expect(running.imageCount == 2 && running.baseSteps == 3 && running.refinerSteps == 2)
        let queued = try scheduler.job("b")
        #expect(queued.state == .queued && queued.place == 0 && queued.phase == nil)
        gate.open()
        for recorder in recorders { #expect(recorder.waitForEnd() == nil) }
        #expect(try scheduler.job("a").state == .finished)
        let error = #expect(throws: GenerationError.self) { try scheduler.job("c") }
        #expect(error?.status == .notFound)
    }

    @Test func `is found again by the request that made it, running or done`() throws {
        let gate = Gate()
        let units = Protected(0)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in
                units.withLock { $0 += 1 }
                gate.pass()
            }))
        defer { scheduler.stop(drain: false) }
        let recorders = (0..<3).map { _ in Recorder() }
        try scheduler.submit(request("a"), observer: recorders[0].observe)
        gate.waitForArrivals()
        try scheduler.submit(request("a"), observer: recorders[1].observe)
        gate.open()
        #expect(recorders[0].waitForEnd() == nil)
        #expect(recorders[1].waitForEnd() == nil)
        try scheduler.submit(request("a"), observer: recorders[2].observe)
        #expect(recorders[2].waitForEnd() == nil)
        #expect(recorders.allSatisfy { $0.images == recorders[0].images })
        #expect(units.withLock { $0 } == 7)
        #expect(scheduler.metrics.snapshot.jobs.accepted == 1)
        var other = request("a")
        other.seed = 6
        let error = #expect(throws: GenerationError.self) { try scheduler.submit(other) { _ in } }
        #expect(error?.status == .alreadyExists)
    }

    @Test func `gives its pictures in parts`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator(isNoisy: true))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("a"), observer: recorder.observe)
        recorder.waitForEnd()
        let image = try #require(recorder.images.first)
        var png: [UInt8] = []
        while png.count < image.png.count {
            let chunk = try answer {
                scheduler.readImage(0, of: "a", offset: png.count, byteCount: 100, reply: $0)
            }
            #expect(chunk.offset == png.count && chunk.byteCount == image.png.count)
            #expect(chunk.sha256 == image.sha256 && chunk.data.count <= 100)
            png += chunk.data
        }
        #expect(png == image.png)
        #expect(
            try answer {
                scheduler.readImage(0, of: "a", offset: png.count, byteCount: 0, reply: $0)
            }.data.isEmpty)
        for (index, id, offset, status) in [
            (1, "a" as JobID, 0, StatusCode.notFound), (0, "b", 0, .notFound),
            (0, "a", png.count + 1, .invalidArgument),
        ] {
            let error = #expect(throws: GenerationError.self) {
                try answer {
                    scheduler.readImage(index, of: id, offset: offset, byteCount: 0, reply: $0)
                }
            }
            #expect(error?.status == status)
        }
    }

    @Test func `goes on when it was submitted, whoever leaves`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }))
        defer { scheduler.stop(drain: false) }
        func submit(_ id: String) throws -> JobHandle {
            try scheduler.submit(request(id), isOwner: true) { _ in }
        }
        let own = try submit("own")
        let shared = [try submit("shared"), try submit("shared")]
        let adopted = try submit("adopted")
        #expect(
            try answer { scheduler.submit(request("adopted"), client: 1, reply: $0) }.id
                == "adopted")
        scheduler.leave(own)
        scheduler.leave(shared[0])
        scheduler.leave(adopted)
        gate.open()
        var states: [JobState] = []
        for id: JobID in ["own", "shared", "adopted"] {
            let recorder = Recorder()
            _ = try scheduler.watch(id, after: 0, observer: recorder.observe)
            recorder.waitForEnd()
            states.append(try scheduler.job(id).state)
        }
        #expect(states == [.cancelled, .finished, .finished])
        scheduler.leave(shared[1])
    }

    @Test func `is one of all that a watcher of all is told of`() throws {
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (id, index, _) throws(GenerationError) in
                if id == "bad", index == 2 {
                    throw GenerationError(.internal, code: "inferenceError", "two")
                }
            }))
        defer { scheduler.stop(drain: false) }
        let all = Recorder(ordersJobs: false)
        let handle = scheduler.watchAll(observer: all.observe)
        for id in ["a", "bad", "b"] {
            let recorder = Recorder()
            try scheduler.submit(request(id), observer: recorder.observe)
            recorder.waitForEnd()
        }
        // Whoever watches one job may hear of its end a little earlier.
        all.waitForEnds(3)
        let ends = all.events.compactMap { event in
            if case .ended(let ended) = event.content { (event.jobID, ended.state) } else { nil }
        }
        #expect(ends.map(\.0) == ["a", "bad", "b"])
        #expect(ends.map(\.1) == [.finished, .failed, .finished])
        #expect(all.images.count == 2 && all.images.allSatisfy { $0.png.isEmpty })
        #expect(all.images.allSatisfy { !$0.sha256.isEmpty })
        scheduler.leave(handle)
        let count = all.events.count
        let recorder = Recorder()
        try scheduler.submit(request("c"), observer: recorder.observe)
        recorder.waitForEnd()
        #expect(all.events.count == count)
    }

    @Test func `waits in the store while its watcher has no room for the picture`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("a", images: 3), observer: recorder.observe)
        recorder.waitForEnd()
        let slow = Recorder()
        let holder = Protected<JobHandle?>(nil)
        let gate = Gate()
        let handle = try scheduler.watch("a", after: 0) { update in
            if case .event(let event) = update, case .accepted = event.content {
                gate.pass()
                holder.withLock { $0 }.map { scheduler.setPaused(true, $0) }
            }
            slow.observe(update)
        }
        holder.withLock { $0 = handle }
        // Else the two keep each other.
        defer { holder.withLock { $0 = nil } }
        gate.open()
        slow.waitForUpdates(1)
        _ = try answer { scheduler.list(JobFilter(), reply: $0) }
        #expect(slow.images.isEmpty)
        scheduler.setPaused(false, handle)
        #expect(slow.waitForEnd() == nil)
        #expect(slow.images == recorder.images)
    }
}

@Suite struct `The list of jobs` {
    @Test func `comes in pages, the newest first, each job once`() throws {
        let clock = FakeClock()
        let scheduler = try JobScheduler(generator: FakeGenerator(), clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        for index in 0..<7 {
            let recorder = Recorder()
            try scheduler.submit(
                request("job-\(index)", refined: index % 2 == 0), observer: recorder.observe)
            recorder.waitForEnd()
        }
        var filter = JobFilter(pageSize: 3)
        var pages: [[String]] = []
        repeat {
            let page = try answer { scheduler.list(filter, reply: $0) }
            pages.append(page.jobs.map(\.id))
            filter.pageToken = page.nextToken
        } while filter.pageToken != nil
        // All are of one moment, so the names decide.
        #expect(pages.map(\.count) == [3, 3, 1])
        #expect(pages.flatMap(\.self) == (0..<7).map { "job-\($0)" })
        for (filter, count) in [
            (JobFilter(states: [.finished]), 7), (JobFilter(states: [.queued, .failed]), 0),
            (JobFilter(model: "refiner"), 4), (JobFilter(model: "none"), 0),
        ] {
            #expect(try answer { scheduler.list(filter, reply: $0) }.jobs.count == count)
        }
        for (filter, field) in [
            (JobFilter(pageSize: 0), "pageSize"), (JobFilter(pageSize: 1001), "pageSize"),
            (JobFilter(pageToken: "x"), "pageToken"), (JobFilter(pageToken: ""), "pageToken"),
        ] {
            let error = #expect(throws: GenerationError.self) {
                try answer { scheduler.list(filter, reply: $0) }
            }
            #expect(error?.fields == [field])
        }
    }

    @Test(arguments: [
        (Retention(countMaximum: 2), ["c", "d"]), (Retention(byteMaximum: 0), []),
        (Retention(age: .seconds(-1)), []), (Retention(), ["a", "b", "c", "d"]),
    ])
    func `forgets what is beyond the limits, the oldest first`(
        retention: Retention, kept: [String]
    ) throws {
        var configuration = JobScheduler.Configuration()
        configuration.retention = retention
        let scheduler = try JobScheduler(
            generator: FakeGenerator(), configuration: configuration, clock: FakeClock().clock)
        defer { scheduler.stop(drain: false) }
        for id in ["a", "b", "c", "d"] {
            let recorder = Recorder()
            try scheduler.submit(request(id), observer: recorder.observe)
            recorder.waitForEnd()
        }
        scheduler.change { $0.expire() }
        let page = try answer { scheduler.list(JobFilter(), reply: $0) }
        #expect(page.jobs.map(\.id) == kept)
    }
}

/// Waits for the one reply of a call.
func answer<Value: Sendable>(
    _ call: (@escaping JobScheduler.Reply<Value>) -> Void
) throws -> Value {
    let holder = Protected<Result<Value, GenerationError>?>(nil)
    call { result in
        holder.withLock { $0 = result }
        holder.notify()
    }
    return try holder.wait { $0 }.get()
}
