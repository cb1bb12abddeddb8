import Generation
import Testing

@testable import Jobs

/// Two lanes, shared by small jobs, while a large one has both. A step of 16 x 16 pixels is small.
@Suite struct `Lanes for small and large jobs` {
    private func shop(memory: Int? = nil) -> Workshop {
        var configuration = JobScheduler.Configuration(laneCount: 2)
        configuration.smallStepOperations = 1e10
        configuration.memoryByteMaximum = memory.map { $0 << 20 }
        return Workshop(configuration: configuration, needs: { $0.size.width * 1 << 20 })
    }

    private func asked(_ id: String, side: Int = 16, steps: Int = 5, priority: Int = 0)
        -> GenerationRequest
    {
        var asked = request(id)
        (asked.width, asked.height, asked.steps, asked.priority) = (side, side, steps, priority)
        return asked
    }

    @Test func `are shared by small jobs`() throws {
        let shop = shop()
        for id in ["a", "b"] { try shop.submit(asked(id)) }
        let first = try #require(shop.take())
        let second = try #require(shop.take())
        #expect([first, second].map(\.id.name) == ["a", "b"])
        shop.finish(second)
        #expect(shop.take() === second)
    }

    @Test(arguments: [16, 64])
    func `are a large job's alone, whoever comes`(side: Int) throws {
        let shop = shop()
        try shop.submit(asked("large", side: 64, steps: 40))
        let large = try #require(shop.take())
        try shop.submit(asked("other", side: side))
        #expect(shop.take() == nil)
        shop.finish(large)
        // It is shorter, so it passes; and then the large one is not worked on beside it.
        let other = try #require(shop.take())
        #expect(other.id.name == "other")
        #expect(shop.take() == nil)
        shop.finish(other)
        shop.workUntilIdle()
        #expect(shop.ends.count == 2)
    }

    /// What waits for a large job's unit does not wait for memory, and costs nobody previews.
    @Test func `are not held back for memory while a large job has them`() throws {
        let shop = shop()
        shop.change {
            $0.budget.reading = MemoryReading(limitByteCount: 1000 << 20, availableByteCount: 1)
        }
        for id in ["large", "other"] { try shop.submit(asked(id, side: 64)) }
        let large = try #require(shop.take())
        #expect(shop.take() == nil)
        #expect(!shop.table.memoryStatistics(of: nil).isHoldingBack)
        #expect(!shop.table.isShortOfMemory && shop.notices.isEmpty)
        shop.finish(large)
        shop.workUntilIdle()
        #expect(shop.ends.count == 2)
    }

    @Test func `are cleared for a large job whose turn it is`() throws {
        let shop = shop()
        for id in ["a", "b", "c"] { try shop.submit(asked(id)) }
        let first = try #require(shop.take())
        let second = try #require(shop.take())
        try shop.submit(asked("large", side: 64, priority: 1))
        shop.finish(first)
        #expect(shop.take() == nil)
        shop.finish(second)
        #expect(shop.take()?.id.name == "large")
    }

    /// One small job after another, each of which passes the large one.
    @Test func `go to a large job set aside for a quarter of the time`() throws {
        let shop = shop()
        try shop.submit(asked("large", side: 64, steps: 50))
        shop.work()
        var taken: [ScheduledJob] = []
        for number in 0..<300 where shop.ends["large"] == nil {
            if number % 7 == 0 { try shop.submit(asked("small \(number)")) }
            while taken.count < 2, let job = shop.take() { taken.append(job) }
            shop.finish(taken.removeFirst())
        }
        let large = shop.seconds(on: "large", while: "large")
        #expect(shop.ends["large"] != nil)
        #expect(large / shop.waited("large") > 0.2)
    }

    /// Of two jobs that wait behind one like them.
    @Test(arguments: [(16, [0.5, 1]), (64, [1, 2])])
    func `count in the time left as far as they are shared`(side: Int, ahead: [Double]) throws {
        let shop = shop()
        try shop.submit(asked("measured", side: side))
        shop.workUntilIdle()
        try shop.submit(asked("a", side: side))
        _ = try #require(shop.take())
        for id in ["b", "c"] { try shop.submit(asked(id, side: side)) }
        // A text, five steps and a decoding, of a second each.
        let one = 7.0
        for (id, ahead) in zip(["b", "c"], ahead) {
            let eta = shop.table.descriptions(of: "").first { $0.id == id }?.etaSeconds
            #expect(eta == ahead * one + one)
        }
    }

    @Test func `need the memory of those that are worked on at once`() throws {
        let shop = shop(memory: 80)
        for id in ["a", "b", "c"] { try shop.submit(asked(id, steps: 40)) }
        for _ in 0..<2 { _ = shop.take() }
        #expect(shop.table.memoryStatistics(of: nil).reservedByteCount == 32 << 20)
        // Never beside the small ones' work, though beside what they keep.
        try shop.submit(asked("large", side: 64, priority: 1))
        #expect(shop.take() == nil)
        #expect(!shop.table.memoryStatistics(of: nil).isHoldingBack)
        for job in shop.table.started { shop.finish(job) }
        #expect(shop.take()?.id.name == "large")
        #expect(shop.table.memoryStatistics(of: nil).reservedByteCount == 64 << 20)
    }
}
