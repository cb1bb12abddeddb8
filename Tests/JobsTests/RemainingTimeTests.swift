import Foundation
import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// A refiner's step three times a base's, a decoding five.
@Suite struct `The time left` {
    @Sendable private static func seconds(_: String, _ phase: Phase) -> Double {
        switch phase {
        case .textEncoding, .imageEncoding: 0.5
        case .base: 1
        case .refiner: 3
        case .decoding: 5
        }
    }

    /// A shop where every kind of work has been measured.
    private func shop(lanes: Int = 1) throws -> Workshop {
        let shop = Workshop(
            configuration: JobScheduler.Configuration(laneCount: lanes), cost: Self.seconds)
        try shop.submit(asked("measured"))
        shop.workUntilIdle()
        return shop
    }

    private func asked(_ id: String, images: Int = 1) -> GenerationRequest {
        var asked = request(id, images: images)
        asked.steps = 10
        asked.refiner?.startStep = 8
        return asked
    }

    @Test func `of a running job is true at every step, over the handoff too`() throws {
        let shop = try shop()
        let start = shop.now
        try shop.submit(asked("a", images: 2))
        shop.workUntilIdle()
        let total = try #require(shop.ends["a"]) - start
        let told = try #require(shop.recorders["a"]).progress
        #expect(told.count == 1 + 1 + 2 * (10 + 2))
        for progress in told {
            let left = total.inSeconds - progress.elapsedSeconds
            let eta = try #require(progress.etaSeconds)
            #expect(abs(eta - left) < 1e-6, "\(progress.phase) \(progress.step)")
        }
        let etas = told.compactMap(\.etaSeconds)
        #expect(zip(etas, etas.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(etas.last == 0)
    }

    /// Costs that vary by a fifth either way: the estimate stays within a fifth of what is left, and
    /// grows from one event to the next by no more than a twentieth of it.
    @Test func `stays near the truth and hardly ever grows where costs vary`() throws {
        let unit = Protected(0)
        let shop = Workshop(cost: { id, phase in
            let number = unit.withLock { unit in
                defer { unit += 1 }
                return unit
            }
            return Self.seconds(id, phase) * [0.8, 1.1, 1, 1.2, 0.9][number % 5]
        })
        for id in ["first", "second"] {
            try shop.submit(asked(id, images: 2))
            shop.workUntilIdle()
        }
        let start = shop.now
        try shop.submit(asked("a", images: 2))
        shop.workUntilIdle()
        let total = (try #require(shop.ends["a"]) - start).inSeconds
        var last = Double.infinity
        for progress in try #require(shop.recorders["a"]).progress {
            let left = total - progress.elapsedSeconds
            let eta = try #require(progress.etaSeconds)
            #expect(abs(eta - left) <= 0.2 * left + 1e-6, "\(progress.phase) \(progress.step)")
            #expect(eta <= last * 1.05 + 1e-6)
            last = eta
        }
    }

    @Test
    func `of the first job of all is known once a step is, and grows by the refiner's at most`()
        throws
    {
        let shop = Workshop(cost: Self.seconds)
        try shop.submit(asked("a"))
        shop.workUntilIdle()
        let told = try #require(shop.recorders["a"]).progress
        #expect(told.prefix(2).allSatisfy { $0.etaSeconds == nil })
        // Taken for steps like the base's, until one has been seen.
        #expect(told.filter { $0.phase == .refiner }.allSatisfy { $0.etaSeconds != nil })
        let atHandoff = try #require(told.first { $0.phase == .refiner }?.etaSeconds)
        #expect(abs(atHandoff - (2 * 3 + 1.57 * 1 / 2)) < 1)
    }

    @Test(arguments: [1, 2])
    func `of a queued job counts those before it, and the lanes`(lanes: Int) throws {
        let shop = try shop(lanes: lanes)
        var taken: [ScheduledJob] = []
        for id in ["a", "b"].prefix(lanes) {
            try shop.submit(asked(id))
            taken.append(try #require(shop.take()))
        }
        for id in ["c", "d"] { try shop.submit(asked(id)) }
        let one = 0.5 + 7 + 3 * 3 + 5
        let etas = ["c", "d"].map { id in
            shop.table.descriptions(of: "").first { $0.id == id }?.etaSeconds
        }
        // Two lanes share out what is before.
        let ahead = Double(lanes) * one / Double(lanes)
        #expect(etas == [ahead + one, ahead + one / Double(lanes) + one])
        // It goes down as time passes.
        shop.clock.advance(by: .seconds(2))
        let later = shop.table.descriptions(of: "").first { $0.id == "c" }?.etaSeconds
        #expect(later == ahead + one - 2)
    }

    @Test func `of a job set aside counts what passes it`() throws {
        let shop = try shop()
        try shop.submit(asked("long", images: 9))
        shop.work()
        try shop.submit(asked("short"))
        shop.work()
        let long = try #require(shop.table.descriptions(of: "").first { $0.id == "long" })
        let short = try #require(shop.table.descriptions(of: "").first { $0.id == "short" })
        let own = 7.0 + 9 + 5
        #expect(long.etaSeconds == 9 * own + own)
        // A quarter of the time is the long one's.
        #expect(short.etaSeconds == own * 4 / 3)
    }

    @Test func `goes down while a unit of work is under way`() throws {
        let shop = try shop()
        try shop.submit(asked("a"))
        shop.work()
        _ = try #require(shop.take())
        let own = 7.0 + 9 + 5
        func eta(_ id: String) -> Double? {
            shop.table.descriptions(of: "").first { $0.id == id }?.etaSeconds
        }
        shop.clock.advance(by: .milliseconds(750))
        #expect(eta("a") == own - 0.75)
        // Who comes now waits for the rest.
        try shop.submit(asked("b"))
        #expect(eta("b") == own - 0.75 + own + 0.5)
        // However long it takes.
        shop.clock.advance(by: .seconds(3600))
        #expect(eta("a") == 0)
    }
}

/// Jobs that come at random moments: what they are told, against when they end.
@Suite struct `The time left under load` {
    struct Told {
        var id: String
        /// Nil while it waits.
        var phase: Phase?
        var at: Duration
        var eta: Double
    }

    /// Of 150 jobs, of which one in four has eight times the steps; a lane is busy for `load` of its time.
    static func run(load: Double) throws -> (Workshop, [Told]) {
        let shop = Workshop(cost: { _, phase in
            switch phase {
            case .textEncoding, .imageEncoding: 0.5
            case .base: 1
            case .refiner: 1.5
            case .decoding: 2
            }
        })
        let told = Protected<[Told]>([])
        let clock = shop.clock.clock
        func submit(_ id: String, steps: Int) throws {
            var asked = request(id)
            asked.steps = steps
            asked.refiner?.startStep = steps * 3 / 4
            try shop.submit(asked) { update in
                guard case .event(let event) = update else { return }
                let (phase, eta): (Phase?, Double?) =
                    switch event.content {
                    case .queued(let queued): (nil, queued.etaSeconds)
                    case .progress(let progress): (progress.phase, progress.etaSeconds)
                    default: (nil, nil)
                    }
                guard let eta else { return }
                told.withLock {
                    $0.append(Told(id: event.jobID, phase: phase, at: clock.now(), eta: eta))
                }
            }
        }
        try submit("measured", steps: 4)
        shop.workUntilIdle()
        var draws = Draws(state: 1)
        // Of the short and the long: 4 and 32 steps, an eighth of them the refiner's.
        let work = 2.5 + (0.75 * 4 + 0.25 * 32) * 1.125
        var arrival = shop.now
        for number in 0..<150 {
            arrival += .seconds(
                -log(Double(draws.next(below: 1 << 30) + 1) / Double(1 << 30)) * work / load)
            while shop.now < arrival {
                if shop.work() == nil { shop.clock.advance(by: arrival - shop.now) }
            }
            try submit("\(number)", steps: draws.next(below: 4) == 0 ? 32 : 4)
        }
        shop.workUntilIdle()
        return (shop, told.withLock { $0 })
    }

    /// Who comes later and passes cannot be foreseen; what such jobs take is counted out.
    @Test(arguments: [0.3, 0.8])
    func `is what it takes, but for those who come later and pass`(load: Double) throws {
        let (shop, told) = try Self.run(load: load)
        func errors(while isRunning: Bool) throws -> [Double] {
            try told.filter { ($0.phase != nil) == isRunning }.map { told in
                let end = try #require(shop.ends[told.id])
                let passed = shop.units.drop { $0.began < told.at }.prefix { $0.ended <= end }
                    .filter { shop.arrivals[$0.id] ?? .zero > told.at }
                    .reduce(0) { $0 + ($1.ended - $1.began).inSeconds }
                return abs((end - told.at).inSeconds - passed - told.eta)
            }.sorted()
        }
        let (running, queued) = (try errors(while: true), try errors(while: false))
        // Units take 0.5 to 2 seconds, jobs 7.5 to 39.
        #expect(running[running.count / 2] < 0.01 && running[running.count * 95 / 100] <= 2)
        #expect(queued[queued.count / 2] < 0.01 && queued[queued.count * 90 / 100] <= 2)
    }
}

@Suite struct `A deadline while lanes are busy` {
    @Test func `of a queued job is noticed on time, while the lane is busy`() throws {
        let clock = FakeClock()
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }),
            clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        defer { gate.open() }
        let running = Recorder()
        try scheduler.submit(request("running"), observer: running.observe)
        gate.waitForArrivals()
        var recorders: [Recorder] = []
        for milliseconds in [9_000, 5_000, 7_000] {
            var asked = request("\(milliseconds)")
            asked.deadlineMilliseconds = milliseconds
            let recorder = Recorder()
            recorders.append(recorder)
            try scheduler.submit(asked, observer: recorder.observe)
            recorder.waitForUpdates(2)
        }
        for (seconds, index) in [(5, 1), (2, 2), (2, 0)] {
            #expect(recorders[index].end == nil)
            clock.advance(by: .seconds(seconds))
            #expect(recorders[index].waitForEnd()?.status == .deadlineExceeded)
        }
        #expect(running.end == nil)
    }

    @Test func `is noticed by the real clock as well`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }))
        defer { scheduler.stop(drain: false) }
        defer { gate.open() }
        try scheduler.submit(request("running")) { _ in }
        gate.waitForArrivals()
        var asked = request("late")
        asked.deadlineMilliseconds = 30
        let recorder = Recorder()
        try scheduler.submit(asked, observer: recorder.observe)
        #expect(recorder.waitForEnd()?.status == .deadlineExceeded)
    }
}
