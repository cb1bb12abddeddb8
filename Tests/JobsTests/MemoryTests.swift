import Generation
import Metrics
import Testing

@testable import Jobs

@Suite struct `Memory` {
    private func configuration(_ mebibytes: Int?, lanes: Int = 1) -> JobScheduler.Configuration {
        var configuration = JobScheduler.Configuration(laneCount: lanes)
        configuration.memoryByteMaximum = mebibytes.map { $0 << 20 }
        return configuration
    }

    @Test func `that a job can never have refuses it, with the numbers`() throws {
        let scheduler = try JobScheduler(
            generator: FakeGenerator(memory: { $0.size.width * 1 << 20 }),
            configuration: configuration(100))
        defer { scheduler.stop(drain: true) }
        var asked = request("large")
        (asked.width, asked.height) = (104, 16)
        let error = #expect(throws: GenerationError.self) {
            try scheduler.submit(asked) { _ in Issue.record("was told") }
        }
        #expect(error?.status == .resourceExhausted)
        #expect(error?.code == "memoryExceeded")
        #expect(error?.retryable == false)
        #expect(error?.fields == ["width", "height"])
        for number in ["104 x 16", "104 MiB", "100 MiB"] {
            #expect(error?.message.contains(number) == true)
        }
        asked.width = 96
        let recorder = Recorder()
        try scheduler.submit(asked, observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        #expect(scheduler.metrics.snapshot.jobs.refused == 1)
        #expect(scheduler.memory().budgetByteCount == 100 << 20)
    }

    /// Two lanes, and room for 100 MiB: two jobs of 40, but not 40 and 70.
    @Test func `holds back what does not fit beside the others, and what is behind it`() throws {
        let shop = Workshop(
            configuration: configuration(100, lanes: 2),
            needs: { $0.size.width * 1 << 20 })
        func submit(_ id: String, width: Int) throws {
            var asked = request(id)
            (asked.width, asked.height) = (width, 16)
            try shop.submit(asked)
        }
        try submit("a", width: 40)
        try submit("b", width: 72)
        try submit("c", width: 80)
        let first = try #require(shop.take())
        #expect(first.id.name == "a")
        #expect(shop.table.memoryStatistics(of: nil).reservedByteCount == 40 << 20)
        #expect(shop.take() == nil)
        let statistics = shop.table.memoryStatistics(of: nil)
        #expect(statistics.isHoldingBack)
        #expect(statistics.holdCount == 1)
        #expect(shop.notices.count == 1)
        #expect(shop.notices.first?.contains("112 MiB") == true)
        shop.finish(first)
        while shop.ends["a"] == nil { shop.work() }
        let second = try #require(shop.take())
        #expect(second.id.name == "b")
        #expect(shop.take() == nil)
        shop.finish(second)
        shop.workUntilIdle()
        #expect(shop.ends.count == 3)
        #expect(!shop.table.memoryStatistics(of: nil).isHoldingBack)
    }

    @Test func `that is short on the machine holds back all but one job`() throws {
        let shop = Workshop(configuration: configuration(nil, lanes: 2))
        for id in ["a", "b"] { try shop.submit(request(id)) }
        let tight = MemoryReading(limitByteCount: 1000 << 20, availableByteCount: 99 << 20)
        shop.change { $0.budget.reading = tight }
        let first = try #require(shop.take())
        #expect(shop.take() == nil)
        #expect(shop.table.memoryStatistics(of: nil).isHoldingBack)
        #expect(shop.notices.first?.contains("99 of 1000 MiB") == true)
        shop.change { $0.budget.reading?.availableByteCount = 100 << 20 }
        let second = try #require(shop.take())
        #expect(second.id.name == "b")
        #expect(shop.notices.count == 2)
        shop.finish(first)
        shop.finish(second)
        shop.workUntilIdle()
        #expect(shop.ends.count == 2)
    }

    @Test(arguments: [
        (1000, 100, 0.0, false), (1000, 99, 0, true), (1000, 500, 0.1, false),
        (1000, 500, 0.11, true),
    ])
    func `is tight below a tenth, or when all wait for it a tenth of the time`(
        limit: Int, available: Int, stalled: Double, isTight: Bool
    ) {
        let reading = MemoryReading(
            limitByteCount: limit, availableByteCount: available, stalledShare: stalled)
        #expect(reading.isTight == isTight)
    }

    @Test func `of this machine can be read`() throws {
        let reading = try #require(MachineMemory.read())
        #expect(reading.limitByteCount > 100 << 20)
        #expect((0...reading.limitByteCount).contains(reading.availableByteCount))
        #expect((0...1).contains(reading.stalledShare))
    }
}
