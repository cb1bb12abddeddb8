import Generation
import Metrics
import Testing

@testable import Jobs

@Suite struct `An estimate of the work left` {
    private let generator = FakeGenerator()

    private func estimate(_ request: GenerationRequest) throws -> WorkEstimate {
        let job = try GenerationJob(request, models: generator.models)
        let plan = try generator.plan(job)
        return WorkEstimate(job, plan, generator.needs(job, plan: plan))
    }

    @Test func `is not made before a step has been measured`() throws {
        let estimate = try estimate(request())
        let costs = WorkCosts()
        #expect(estimate.seconds(costs: costs) == nil)
        costs.record(estimate.work(.textEncoding), seconds: 1)
        costs.record(estimate.work(.decoding), seconds: 1)
        #expect(estimate.seconds(costs: costs) == nil)
    }

    @Test func `adds up the measured costs, and goes down with each unit`() throws {
        var estimate = try estimate(request(images: 2))
        let costs = WorkCosts()
        let seconds: [(Phase, Double)] = [
            (.textEncoding, 1), (.base, 10), (.refiner, 100), (.decoding, 1000),
        ]
        for (phase, cost) in seconds { costs.record(estimate.work(phase), seconds: cost) }
        var left = 1.0 + 60 + 400 + 2000
        #expect(estimate.seconds(costs: costs) == left)
        for (phase, cost) in seconds {
            estimate.finish(phase)
            left -= cost
            #expect(estimate.seconds(costs: costs) == left)
        }
    }

    @Test(arguments: [
        // Three base and two refiner steps and a decoding; guided steps are two passes. A pass of the
        // base takes 1 s, the refiner's 1.05 s and decoding 1.57 s.
        (7.0, 7.0, 11.77),
        (7.0, 1.0, 9.67),
        (1.0, 7.0, 8.77),
        (0.0, 0.5, 6.67),
    ])
    func `takes the one expert's cost for a measure of the rest`(
        baseScale: Double, refinerScale: Double, expected: Double
    ) throws {
        var asked = request()
        asked.cfgScale = baseScale
        asked.refiner?.cfgScale = refinerScale
        let estimate = try estimate(asked)
        let fromBase = WorkCosts()
        fromBase.record(estimate.work(.base), seconds: baseScale > 1 ? 2 : 1)
        let fromRefiner = WorkCosts()
        fromRefiner.record(estimate.work(.refiner), seconds: refinerScale > 1 ? 2.1 : 1.05)
        for costs in [fromBase, fromRefiner] {
            let seconds = try #require(estimate.seconds(costs: costs))
            #expect(abs(seconds - expected) < 1e-9)
        }
    }

    @Test func `goes by operations from one size and guidance to another, not between models`()
        throws
    {
        let costs = WorkCosts()
        costs.record(try estimate(request()).work(.base), seconds: 1)
        let usual = try #require(try estimate(request(refined: false)).seconds(costs: costs))
        var other = request(refined: false)
        (other.width, other.height) = (32, 64)
        let larger = try #require(try estimate(other).seconds(costs: costs))
        #expect(abs(larger / usual - 32 * 64 / (8 * 16)) < 1e-9)
        other = request(refined: false)
        other.cfgScale = 1
        let unguided = try #require(try estimate(other).seconds(costs: costs))
        // Five steps of one pass in place of two; the decoding is what it was.
        #expect(abs(usual - unguided - 5 * 0.5) < 1e-9)
        // Once measured, a size goes by itself.
        costs.record(try estimate(other).work(.base), seconds: 7)
        #expect(try #require(try estimate(other).seconds(costs: costs)) > 35)
        var work = try estimate(request()).work(.base)
        work.model = "another"
        #expect(costs.estimate(work) == nil)
    }

    @Test func `compares jobs before anything is measured`() throws {
        let costs = WorkCosts()
        var long = request()
        long.steps = 50
        let works = try [request(), long].map { try estimate($0).weight(costs: costs) }
        #expect(0 < works[0] && works[0] * 5 < works[1])
    }
}
