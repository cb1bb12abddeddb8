import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

@Suite struct `A job with branches` {
    /// Five steps; without a refiner, and from the third, the fourth and the fifth. In the order in which
    /// they are made: two base steps and three of the refiner; one and two; one and one; one.
    static func branched(_ id: String, images: Int = 1) -> GenerationRequest {
        var request = request(id, images: images)
        request.refiner?.startStep = nil
        request.branches = [nil, 4, 5, 3].map { step in
            var refiner: GenerationRequest.Refiner?
            if let step {
                refiner = GenerationRequest.Refiner()
                refiner?.startStep = step
            }
            return GenerationRequest.Branch(refiner: refiner)
        }
        return request
    }

    static let order = [3, 1, 2, 0]
    static let stepCount = 5 + 3 + 2 + 1

    /// The files of the separate requests, in the order of the branches.
    static let separate = Result { () throws -> [[UInt8]] in
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: true) }
        return try [nil, 4, 5, 3].map { step in
            var request = request(refined: step != nil)
            request.refiner?.startStep = step
            let recorder = Recorder()
            try scheduler.submit(request, observer: recorder.observe)
            recorder.waitForEnd()
            return try #require(recorder.images.first).png
        }
    }

    @Test func `tells of each branch in turn, and of the whole from the start`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: true) }
        let recorder = Recorder()
        try scheduler.submit(Self.branched("a", images: 2), observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.complaints == [])

        let separate = try Self.separate.get()
        #expect(recorder.images.prefix(4).map(\.png) == Self.order.map { separate[$0] })
        #expect(recorder.images.map(\.branch) == Self.order + Self.order)
        #expect(recorder.images.map(\.imageIndex) == Array(0..<8))
        #expect(recorder.images.allSatisfy { $0.imageCount == 8 })

        let progress = recorder.progress
        #expect(progress.allSatisfy { $0.jobSteps == 2 * Self.stepCount })
        #expect(zip(progress, progress.dropFirst()).allSatisfy { $0.jobStep <= $1.jobStep })
        #expect(progress.last?.jobStep == 2 * Self.stepCount)
        // Every step of every image that was not run for another is told once.
        let steps = progress.filter { $0.phase == .base || $0.phase == .refiner }
        #expect(steps.map(\.jobStep) == Array(1...2 * Self.stepCount))
        #expect(
            steps.prefix(Self.stepCount).map(\.step)
                == Array(1...5) + Array(3...5) + Array(4...5) + [5])
        for step in steps {
            let baseSteps = [3: 2, 1: 3, 2: 4, 0: 5][step.branch ?? -1] ?? 0
            let isBase = step.step <= baseSteps
            #expect(step.phase == (isBase ? .base : .refiner))
            #expect(step.phaseSteps == (isBase ? baseSteps : 5 - baseSteps))
            #expect(step.phaseStep == (isBase ? step.step : step.step - baseSteps))
        }
        let handoffs = recorder.events.compactMap { event in
            if case .handedOff(let it) = event.content { it } else { nil }
        }
        #expect(handoffs.map(\.branch) == [3, 1, 2, 3, 1, 2])
        #expect(handoffs.map(\.handoff.step) == [3, 4, 5, 3, 4, 5])

        let summary = try #require(recorder.images.last?.summary)
        #expect((summary.baseSteps, summary.refinerSteps) == (10, 12))
        #expect((summary.baseEvaluations, summary.refinerEvaluations) == (10, 12))
        #expect(summary.sharedEvaluations == 2 * (4 * 5 - Self.stepCount))
    }

    @Test(arguments: 1..<26)
    func `goes on after the end of the process, and makes nothing twice`(writes: Int) throws {
        try withTemporaryDirectory { directory in
            let (isAccepted, told) = try run(directory, writes: writes)
            let units = Protected<[Int]>([])
            let next = try JobScheduler(
                generator: FakeGenerator(hook: { (_, unit, _) throws(GenerationError) in
                    units.withLock { $0.append(unit) }
                }), store: SQLiteJobStore(directory: directory), configuration: .eager)
            defer { next.stop(drain: false) }
            guard isAccepted else { return }
            let watcher = Recorder()
            try next.submit(Self.branched("a"), observer: watcher.observe)
            #expect(watcher.waitForEnd() == nil)
            #expect(watcher.complaints == [])
            let separate = try Self.separate.get()
            #expect(watcher.images.map(\.png) == Self.order.map { separate[$0] })
            #expect(watcher.images.map(\.branch) == Self.order)
            let summary = try #require(watcher.images.last?.summary)
            #expect(summary.baseSteps + summary.refinerSteps == Self.stepCount)
            #expect(summary.sharedEvaluations == 4 * 5 - Self.stepCount)
            // Six units an image; an image that was told is not decoded again, and the base goes on from
            // where it stood at the handoff.
            let decoded = units.withLock { $0 }.filter { $0 > 0 && $0 % 6 == 0 }
            #expect(decoded.count <= 4 - told)
            let shared = [0, 2, 3, 4]
            let again = units.withLock { $0 }.filter { unit in
                unit > 0 && (unit - 1) % 6 < shared[(unit - 1) / 6]
            }
            #expect(again == [])
        }
    }

    /// Runs the job until its store dies at the n-th write.
    /// - Returns: whether it was accepted, and how many pictures were told.
    private func run(
        _ directory: String, writes: Int
    ) throws -> (isAccepted: Bool, told: Int) {
        let store = DyingStore(try SQLiteJobStore(directory: directory), writes: writes)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(), store: store, configuration: .eager)
        let recorder = Recorder()
        try scheduler.submit(Self.branched("a"), observer: recorder.observe)
        recorder.waitForEnd(or: store)
        let result = (!recorder.events.isEmpty, recorder.images.count)
        store.bury()
        scheduler.stop(drain: false)
        return result
    }

    /// Units of the first two images: 1...6 and, after two shared steps, 9...12.
    @Test(arguments: [1, 3, 5, 9, 10, 11], [CancelOutcome.decodeNow, .skipToRefiner])
    func `is cut short in the branch under way, whose picture completes it`(
        unit: Int, outcome: CancelOutcome
    ) throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == unit { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(Self.branched("a"), observer: recorder.observe)
        gate.waitForArrivals()
        _ = try answer { scheduler.cancel("a", outcome, reply: $0) }
        gate.open()
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.images.map(\.branch) == (unit < 7 ? [3] : [3, 1]))
        let summary = try #require(recorder.images.last?.summary)
        #expect(summary.isCutShort)
        #expect(recorder.complaints == [])
        let handoffs = recorder.events.compactMap { event in
            if case .handedOff(let it) = event.content { it.branch } else { nil }
        }
        // The unit that ran when it was asked is finished, and unit 9 is the second's last base step.
        let isHandedOff = unit > 1 || outcome == .skipToRefiner
        #expect(handoffs == (unit < 7 ? (isHandedOff ? [3] : []) : [3, 1]))
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `decodes the branch that has no refiner when it is to skip to one`() throws {
        // The last image's first unit of its own, its last step.
        let unit = 3 * 6 + 5
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == unit { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(Self.branched("a"), observer: recorder.observe)
        gate.waitForArrivals()
        _ = try answer { scheduler.cancel("a", .skipToRefiner, reply: $0) }
        gate.open()
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.images.count == 4)
    }

    @Test func `discarded, keeps the pictures that are made`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, index, _) throws(GenerationError) in
                if index == 10 { gate.pass() }
            }))
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(Self.branched("a"), observer: recorder.observe)
        gate.waitForArrivals()
        _ = try answer { scheduler.cancel("a", .discard, reply: $0) }
        gate.open()
        #expect(recorder.waitForEnd()?.status == .cancelled)
        let chunk = try answer {
            scheduler.readImage(0, of: "a", offset: 0, byteCount: 0, reply: $0)
        }
        #expect(chunk.data == recorder.images.first?.png)
    }

    @Test func `is estimated by all its steps, each once, and by each refiner's own cost`() throws {
        var request = Self.branched("a", images: 2)
        request.branches[1].refiner?.cfgScale = 1
        let generator = FakeGenerator()
        let job = try GenerationJob(request, models: generator.models)
        let plan = try generator.plan(job)
        var estimate = WorkEstimate(job, plan, generator.needs(job, plan: plan))
        let costs = WorkCosts()
        costs.record(estimate.work(.textEncoding), seconds: 0)
        costs.record(estimate.work(.base), seconds: 1)
        costs.record(estimate.work(.decoding), seconds: 100)
        costs.record(estimate.work(.refiner, ofImage: 0), seconds: 10)
        // Branch 1, which is made second.
        costs.record(estimate.work(.refiner, ofImage: 1), seconds: 5)
        let whole = 2.0 * (5 + 30 + 10 + 10 + 400)
        #expect(estimate.seconds(costs: costs) == whole)
        estimate.finish(images: 5, steps: 4, of: plan)
        // Of the second seed's branch 1 one refiner step, then one base and one refiner step, then one.
        let rest = 5.0 + 11 + 1 + 300
        #expect(estimate.seconds(costs: costs) == rest)
    }
}
