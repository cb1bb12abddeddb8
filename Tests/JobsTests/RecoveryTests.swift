import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// The end of the process, between any two writes to the store, and the start after it.
struct RecoveryTests {
    static let requests = [
        request("plain", refined: false), request("refined"), request("three", images: 3),
    ]

    /// Each request's pictures, undisturbed.
    static let expected: [String: [[UInt8]]] = {
        do {
            let scheduler = try JobScheduler(generator: FakeGenerator())
            defer { scheduler.stop(drain: true) }
            var expected: [String: [[UInt8]]] = [:]
            for request in requests {
                let recorder = Recorder()
                try scheduler.submit(request, observer: recorder.observe)
                recorder.waitForEnd()
                expected[request.requestID ?? ""] = recorder.images.map(\.png)
            }
            return expected
        } catch {
            fatalError("the pictures cannot be made: \(error)")
        }
    }()

    @Test(arguments: 1..<34)
    func `jobs go on by themselves to the same pictures`(writes: Int) throws {
        try withTemporaryDirectory { directory in
            let (accepted, kept) = try run(directory, writes: writes)
            let store = try SQLiteJobStore(directory: directory)
            for (id, count) in kept { #expect(try store.images(of: JobID(id)) >= count, "\(id)") }
            let scheduler = try JobScheduler(
                generator: FakeGenerator(), store: store, configuration: .eager)
            defer { scheduler.stop(drain: false) }
            for request in Self.requests {
                guard let id = request.requestID, accepted.contains(id) else { continue }
                // The same request again attaches; nothing is begun by it.
                let recorder = Recorder()
                try scheduler.submit(request, observer: recorder.observe)
                #expect(recorder.waitForEnd() == nil)
                #expect(recorder.complaints == [])
                #expect(recorder.images.map(\.png) == Self.expected[id])
                #expect(recorder.images.map(\.imageIndex) == Array(0..<recorder.images.count))
                let summary = try #require(recorder.images.last?.summary)
                let count = recorder.images.count
                #expect(summary.baseSteps + summary.refinerSteps == 5 * count)
            }
            #expect(scheduler.metrics.snapshot.jobs.addsUp)
        }
    }

    /// Submits all requests to a scheduler whose store dies at the n-th write.
    /// - Returns: the jobs that were accepted, and how many pictures of each were told.
    private func run(
        _ directory: String, writes: Int
    ) throws -> (accepted: Set<String>, kept: [String: Int]) {
        let store = DyingStore(try SQLiteJobStore(directory: directory), writes: writes)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(), store: store, configuration: .eager)
        var recorders: [String: Recorder] = [:]
        for request in Self.requests {
            let recorder = Recorder()
            recorders[request.requestID ?? ""] = recorder
            try scheduler.submit(request, observer: recorder.observe)
        }
        // Checkpoints that are superseded are not written, so the store may well outlive the jobs.
        for recorder in recorders.values where !store.isDead { recorder.waitForEnd(or: store) }
        let told = recorders.mapValues { ($0.events.isEmpty, $0.images.count) }
        store.bury()
        scheduler.stop(drain: false)
        return (Set(told.filter { !$0.value.0 }.keys), told.mapValues(\.1))
    }

    @Test func `another build begins the image under way anew, keeps the finished, and says so`()
        throws
    {
        try withTemporaryDirectory { directory in
            let gate = Gate()
            // Held in the second picture's third step.
            try interrupt(directory, request("a", images: 2), gate: gate, atUnit: 9)
            let scheduler = try JobScheduler(
                generator: FakeGenerator(fingerprint: "fake-2"),
                store: SQLiteJobStore(directory: directory), configuration: .eager)
            defer { scheduler.stop(drain: false) }
            #expect(scheduler.notices.contains { $0.contains("another build") })
            let recorder = Recorder()
            try scheduler.submit(request("a", images: 2), observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
            let plans = recorder.events.compactMap { event in
                if case .accepted(let plan) = event.content { plan.fingerprint } else { nil }
            }
            #expect(plans == ["fake-1", "fake-2"])
            let resumed = recorder.events.compactMap { event in
                if case .resumed(let resumed) = event.content { resumed } else { nil }
            }
            #expect(resumed.map(\.imageIndex) == [1] && resumed.map(\.step) == [0])
            #expect(recorder.images.map(\.imageIndex) == [0, 1])
        }
    }

    @Test func `a checkpoint the engine refuses begins the image anew`() throws {
        try withTemporaryDirectory { directory in
            try interrupt(directory, request("a"), gate: Gate(), atUnit: 4)
            var generator = FakeGenerator()
            generator.refusesCheckpoints = true
            let scheduler = try JobScheduler(
                generator: generator, store: SQLiteJobStore(directory: directory),
                configuration: .eager)
            defer { scheduler.stop(drain: false) }
            let recorder = Recorder()
            try scheduler.submit(request("a"), observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
            #expect(recorder.images.map(\.png) == [Self.expected["refined"]?.first])
        }
    }

    @Test func `a job whose record is damaged is DATA_LOSS, and the others go on`() throws {
        try withTemporaryDirectory { directory in
            try interrupt(directory, request("a"), gate: Gate(), atUnit: 2)
            do {
                let store = try SQLiteJobStore(directory: directory)
                try store.apply([.accepted(try Stored.job("b"), pictures: [])])
                try store.database.run("UPDATE jobs SET plan = '{}' WHERE id = 'a'")
            }
            let scheduler = try JobScheduler(
                generator: FakeGenerator(), store: SQLiteJobStore(directory: directory),
                configuration: .eager)
            defer { scheduler.stop(drain: false) }
            let description = scheduler.table.withLock { $0.description(of: "a") }
            #expect(description?.state == .failed && description?.error?.status == .dataLoss)
            #expect(scheduler.metrics.snapshot.jobs.addsUp)
            // The name is free for the request to be sent again.
            let recorder = Recorder()
            try scheduler.submit(request("a"), observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
        }
    }

    @Test func `a job that ends the process again and again is given up`() throws {
        try withTemporaryDirectory { directory in
            var configuration = JobScheduler.Configuration.eager
            configuration.crashMaximum = 3
            for round in 0..<4 {
                try interrupt(
                    directory, round == 0 ? request("a") : nil, gate: Gate(), atUnit: 0,
                    configuration: configuration)
            }
            let scheduler = try JobScheduler(
                generator: FakeGenerator(), store: SQLiteJobStore(directory: directory),
                configuration: configuration)
            defer { scheduler.stop(drain: false) }
            let description = scheduler.table.withLock { $0.description(of: "a") }
            #expect(description?.state == .failed && description?.error?.status == .internal)
        }
    }

    @Test func `a deadline counts on from what was left of it`() throws {
        try withTemporaryDirectory { directory in
            let clock = FakeClock()
            try interrupt(
                directory, request("a"), gate: Gate(), atUnit: 3, deadline: .seconds(100),
                clock: clock, seconds: 30)
            // However long it was down.
            clock.advance(by: .seconds(1000))
            let late = Recorder()
            let scheduler = try JobScheduler(
                generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                    if index == 3 { clock.advance(by: .seconds(71)) }
                }), store: SQLiteJobStore(directory: directory), configuration: .eager,
                clock: clock.clock)
            defer { scheduler.stop(drain: false) }
            try scheduler.submit(request("a"), observer: late.observe)
            let error = late.waitForEnd()
            #expect(error == nil || error?.status == .deadlineExceeded)
        }
    }

    @Test func `a stop keeps jobs where they are, and tells their watchers`() throws {
        try withTemporaryDirectory { directory in
            do {
                let gate = Gate()
                let scheduler = try JobScheduler(
                    generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                        if index == 3 { gate.pass() }
                    }), store: SQLiteJobStore(directory: directory), configuration: .eager)
                let recorders = ["a", "b"].map { id in (id, Recorder()) }
                for (id, recorder) in recorders {
                    try scheduler.submit(request(id), observer: recorder.observe)
                }
                gate.waitForArrivals()
                let stopping = TestThread { scheduler.stop(drain: false) }
                #expect(recorders[1].1.waitForEnd()?.status == .unavailable)
                gate.open()
                stopping.join()
                #expect(recorders[0].1.waitForEnd()?.status == .unavailable)
            }
            let next = try JobScheduler(
                generator: FakeGenerator(), store: SQLiteJobStore(directory: directory),
                configuration: .eager)
            defer { next.stop(drain: false) }
            for id in ["a", "b"] {
                let recorder = Recorder()
                try next.submit(request(id), observer: recorder.observe)
                #expect(recorder.waitForEnd() == nil)
                #expect(recorder.images.map(\.png) == [Self.expected["refined"]?.first])
            }
        }
    }

    /// Runs a job until the unit, where the process is as good as dead.
    private func interrupt(
        _ directory: String, _ request: GenerationRequest?, gate: Gate, atUnit unit: Int,
        configuration: JobScheduler.Configuration = .eager, deadline: Duration? = nil,
        clock: FakeClock = FakeClock(), seconds: Int = 0
    ) throws {
        let store = DyingStore(try SQLiteJobStore(directory: directory), writes: .max)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == 1 { clock.advance(by: .seconds(seconds)) }
                if index == unit { gate.pass() }
            }), store: store, configuration: configuration, clock: clock.clock)
        if let request { try scheduler.submit(request, deadline: deadline) { _ in } }
        gate.waitForArrivals()
        store.waitUntilWritten(scheduler)
        store.bury()
        gate.open()
        scheduler.stop(drain: false)
    }
}

extension JobScheduler.Configuration {
    /// With a checkpoint after each step.
    static var eager: Self {
        var configuration = Self()
        configuration.checkpointInterval = .zero
        return configuration
    }
}

extension SQLiteJobStore {
    fileprivate func images(of id: JobID) throws -> Int {
        var count = 0
        while try image(count, of: id) != nil { count += 1 }
        return count
    }
}
