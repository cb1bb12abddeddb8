import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

private func request(_ id: String, steps: Int, priority: Int = 0) -> GenerationRequest {
    var asked = request(id)
    asked.steps = steps
    asked.priority = priority
    return asked
}

@Suite struct `After each unit of work a lane` {
    @Test func `turns to a job with at most half the work, and comes back`() throws {
        let shop = Workshop()
        try shop.submit(request("long", steps: 40))
        for _ in 0..<5 { shop.work() }
        try shop.submit(request("short", steps: 5))
        #expect(shop.table.descriptions(of: "").first { $0.id == "short" }?.place == 0)
        #expect(shop.work() == "short")
        shop.workUntilIdle()
        // A text encoding, five steps and a decoding, and a third as much for the long one.
        #expect(shop.waited("short") <= 7 * 4 / 3)
        #expect(shop.seconds(on: "long", while: "short") == 2)
        #expect(shop.ends["long"] == shop.now)
    }

    @Test func `stays with what it has begun where others are alike`() throws {
        let shop = Workshop()
        for id in ["a", "b", "c"] { try shop.submit(request(id, steps: 10)) }
        shop.workUntilIdle()
        let order = shop.units.map(\.id)
        #expect(order == ["a", "b", "c"].flatMap { Array(repeating: $0, count: 12) })
    }

    @Test func `turns to a higher priority, however long`() throws {
        let shop = Workshop()
        try shop.submit(request("usual", steps: 10))
        for _ in 0..<5 { shop.work() }
        try shop.submit(request("urgent", steps: 40, priority: 1))
        try shop.submit(request("idle", steps: 5, priority: -1))
        shop.workUntilIdle()
        #expect(shop.units[5].id == "urgent")
        // What is set aside has a quarter of the time, and so is done before.
        #expect(shop.seconds(on: "usual", while: "urgent") == 7)
        #expect(shop.waited("urgent") == 49)
        let last = try #require(shop.ends["urgent"])
        #expect(shop.units.filter { $0.id == "idle" }.allSatisfy { $0.began >= last })
    }

    /// However many short ones come, and however much longer a unit of the long one is.
    @Test(arguments: [0.1, 1, 7, 100])
    func `gives those set aside a quarter of the time`(seconds: Double) throws {
        let shop = Workshop(cost: { id, _ in id == "long" ? seconds : 1 })
        var long = request("long", steps: 100)
        long.numberResults = 20
        try shop.submit(long)
        for _ in 0..<3 { shop.work() }
        let began = shop.now
        for number in 0..<400 {
            // The next as soon as one is done.
            if shop.table.live.count < 2 { try shop.submit(request("\(number)", steps: 5)) }
            shop.work()
        }
        let elapsed = (shop.now - began).inSeconds
        let aside = shop.units.filter { $0.id == "long" && $0.began >= began }
            .reduce(0) { $0 + ($1.ended - $1.began).inSeconds }
        // To within a unit of each.
        #expect(abs(aside - elapsed / 4) <= seconds + 1, "\(aside) of \(elapsed) s")
    }

    @Test func `starts no more than three beside the lanes`() throws {
        var configuration = JobScheduler.Configuration()
        configuration.queueLimit = 99
        let shop = Workshop(configuration: configuration)
        for steps in [100, 48, 22, 10, 5] {
            try shop.submit(request("\(steps)", steps: steps))
            shop.work()
        }
        #expect(shop.table.started.map(\.id.name) == ["100", "48", "22", "10"])
        shop.workUntilIdle()
        #expect(shop.ends.count == 5)
    }

    @Test func `does not let what waits for its turn hide a short one behind it`() throws {
        let shop = Workshop()
        try shop.submit(request("running", steps: 40), client: 1)
        shop.work()
        try shop.submit(request("first", steps: 40), client: 2)
        try shop.submit(request("short", steps: 5), client: 1)
        #expect(shop.work() == "short")
        shop.workUntilIdle()
        #expect(shop.waited("short") < 12)
    }

    @Test func `goes on at once with what someone wants to see`() throws {
        let shop = Workshop()
        try shop.submit(request("long", steps: 40))
        for _ in 0..<3 { shop.work() }
        try shop.submit(request("short", steps: 10))
        shop.work()
        let long = try #require(shop.table.live[JobID("long")])
        shop.change { try? $0.cancel(long, .decodeNow) }
        #expect(shop.work() == "long")
        #expect(shop.recorders["long"]?.end?.failure == nil)
        #expect(shop.recorders["long"]?.images.count == 1)
    }

    @Test func `finds those set aside gone when they are cancelled or late`() throws {
        let shop = Workshop()
        for (id, deadline) in [("cancelled", Int?.none), ("late", 60_000)] {
            var asked = request(id, steps: id == "late" ? 40 : 90)
            asked.deadlineMilliseconds = deadline
            try shop.submit(asked)
            shop.work()
        }
        try shop.submit(request("short", steps: 5))
        let short = try #require(shop.take())
        #expect(short.id.name == "short")
        #expect(shop.table.nextDeadline != nil)
        // While the lane works.
        let cancelled = try #require(shop.table.live[JobID("cancelled")])
        shop.change { $0.interrupt(cancelled, .jobCancelled) }
        #expect(shop.recorders["cancelled"]?.end?.failure?.status == .cancelled)
        shop.clock.advance(by: .seconds(60))
        shop.change { $0.expire() }
        #expect(shop.recorders["late"]?.end?.failure?.status == .deadlineExceeded)
        shop.finish(short)
        shop.workUntilIdle()
        #expect(shop.recorders["short"]?.end?.failure == nil)
        #expect(shop.metrics.snapshot.jobs.addsUp)
    }
}

@Suite struct `Jobs at the same expert` {
    /// Two jobs, the first in its refiner's steps when the second comes.
    ///
    /// - Returns: from how many steps to the next another expert was needed.
    private func switches(costing seconds: Double) throws -> Int {
        let last = Protected<Phase?>(nil)
        let shop = Workshop(cost: { _, phase in
            guard phase == .base || phase == .refiner else { return 0.1 }
            let before = last.withLock { last in
                defer { last = phase }
                return last
            }
            return before == nil || before == phase ? 1 : 1 + seconds
        })
        for id in ["measured", "again"] {
            try shop.submit(request(id, steps: 8))
            shop.workUntilIdle()
        }
        let count = shop.units.count
        try shop.submit(request("a", steps: 40))
        for _ in 0..<6 { shop.work() }
        var other = request("b", steps: 12)
        other.refiner?.startStep = 10
        try shop.submit(other)
        shop.workUntilIdle()
        let phases = shop.units.dropFirst(count).map(\.phase).filter(\.isStep)
        return zip(phases, phases.dropFirst()).count { $0 != $1 }
    }

    @Test func `are kept together while a switch costs time, and only then`() throws {
        // The short one goes first, and every fourth step is the other's; or that finishes its steps first.
        #expect(try switches(costing: 0) > 6)
        #expect(try switches(costing: 20) == 3)
    }
}

@Suite struct `However jobs come and go` {
    /// The rules that the protocol promises, over many random loads.
    @Test(arguments: [1, 2])
    func `none is forgotten and each gives the same bytes`(lanes: Int) throws {
        for seed in 0..<40 {
            var draws = Draws(state: UInt64(seed))
            var configuration = JobScheduler.Configuration(laneCount: lanes)
            configuration.queueLimit = 99
            let shop = Workshop(configuration: configuration)
            var asked: [GenerationRequest] = []
            var taken: [ScheduledJob] = []
            for number in 0..<150 {
                if number % 10 == 0, draws.next(below: 2) == 0 {
                    let steps = 4 + draws.next(below: 4) * draws.next(below: 12)
                    var next = request(
                        "\(number)", steps: steps, priority: draws.next(below: 3) - 1)
                    next.seed = Int64(draws.next(below: 2))
                    asked.append(next)
                    try shop.submit(next, client: UInt64(draws.next(below: 3)))
                }
                // Lanes begin and end their units in any order.
                if taken.count < lanes, let job = shop.take() { taken.append(job) }
                if taken.count == lanes || draws.next(below: 2) == 0, !taken.isEmpty {
                    shop.finish(taken.remove(at: draws.next(below: taken.count)))
                }
                #expect(shop.table.started.count <= lanes + 3)
                #expect(shop.metrics.snapshot.jobs.addsUp)
            }
            for job in taken { shop.finish(job) }
            shop.workUntilIdle()
            for request in asked {
                let recorder = try #require(shop.recorders[request.requestID ?? ""])
                #expect(recorder.end?.failure == nil)
                #expect(recorder.complaints.isEmpty)
                #expect(recorder.images.first?.png == Expected.png(of: request, 0))
            }
        }
    }
}
