import Diffusion
import Foundation
import TestSupport
import Testing

@Suite struct HandoffTests {
    private static func schedule(_ steps: Int, _ spacing: Spacing = .leading) -> Schedule {
        SamplerAlgorithm.euler.schedule(stepCount: steps, spacing: spacing)
    }

    @Test(arguments: [
        (40, 90, 36, 4), (20, 90, 18, 2), (30, 85, 25, 5), (2, 1, 1, 1), (2, 99, 1, 1),
        (3, 50, 1, 2), (100, 99, 99, 1), (100, 1, 1, 99), (7, 80, 5, 2), (50, 29, 14, 36),
    ])
    func `a percentage is the base's share of the steps, rounded down`(
        steps: Int, percentage: Int, base: Int, refiner: Int
    ) throws {
        let handoff = try Handoff(.percentage(percentage), schedule: Self.schedule(steps))
        #expect(handoff.baseSteps == base)
        #expect(handoff.refinerSteps == refiner)
    }

    @Test func `every percentage of every step count gives both experts a step, and all of them`()
        throws
    {
        for steps in 2...100 {
            let schedule = Self.schedule(steps)
            var last = 0
            for percentage in 1...99 {
                let handoff = try Handoff(.percentage(percentage), schedule: schedule)
                #expect(handoff.baseSteps + handoff.refinerSteps == steps)
                #expect(handoff.baseSteps >= 1 && handoff.refinerSteps >= 1)
                #expect(handoff.baseSteps >= last, "\(percentage) percent of \(steps)")
                last = handoff.baseSteps
            }
        }
    }

    @Test func `start step s leaves the base s - 1 steps, and all four units name the same split`()
        throws
    {
        for spacing in Spacing.allCases {
            for steps in 2...100 {
                let schedule = Self.schedule(steps, spacing)
                for start in 2...steps {
                    let handoff = try Handoff(.step(start), schedule: schedule)
                    #expect(handoff.baseSteps == start - 1)
                    #expect(handoff.refinerSteps == steps - start + 1)
                    #expect(handoff.step == start)
                    #expect(handoff.timestep == schedule.timesteps[start - 1])
                    #expect(handoff.sigma == schedule.sigmas[start - 1])
                    #expect(handoff.percentage == 100 * Double(start - 1) / Double(steps))
                    // The base runs all steps at or above the level of its last.
                    let lastSigma = Double(schedule.sigmas[start - 2])
                    #expect(try Handoff(.sigma(lastSigma), schedule: schedule) == handoff)
                    let lastTimestep = schedule.timesteps[start - 2]
                    #expect(try Handoff(.timestep(lastTimestep), schedule: schedule) == handoff)
                }
            }
        }
    }

    @Test func `a handoff on a timestep leaves that step to the base`() throws {
        let schedule = Self.schedule(10)
        #expect(schedule.timesteps[7] == 201)
        #expect(try Handoff(.timestep(201), schedule: schedule).baseSteps == 8)
        #expect(try Handoff(.timestep(201.5), schedule: schedule).baseSteps == 7)
        #expect(try Handoff(.timestep(200), schedule: schedule).baseSteps == 8)
    }

    @Test(arguments: [
        HandoffPoint.step(2), .percentage(50), .timestep(500), .sigma(1), .step(1), .percentage(0),
    ])
    func `one step cannot be split`(point: HandoffPoint) {
        #expect(throws: HandoffError(point: point, reason: .tooFewSteps)) {
            try Handoff(point, schedule: Self.schedule(1))
        }
    }

    @Test(arguments: [Int.min, -1, 0, 1, 21, 100, .max])
    func `a start step outside 2 to steps is an error that says what is allowed`(step: Int) {
        let error = #expect(throws: HandoffError.self) {
            try Handoff(.step(step), schedule: Self.schedule(20))
        }
        #expect(error?.reason == .stepOutOfRange(steps: 20))
        #expect(error?.description.contains("step \(step)") == true)
        #expect(error?.description.contains("to 20") == true)
    }

    @Test(arguments: [Int.min, -5, 0, 100, 101, .max])
    func `a percentage outside 1 to 99 is an error`(percentage: Int) {
        #expect(throws: HandoffError(point: .percentage(percentage), reason: .percentageOutOfRange))
        {
            try Handoff(.percentage(percentage), schedule: Self.schedule(20))
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, -1, 0, 1, 951.5, 1000])
    func `a timestep that starves an expert is an error that says which would not`(
        timestep: Double
    ) throws {
        let schedule = Self.schedule(20)
        let error = #expect(throws: HandoffError.self) {
            try Handoff(.timestep(timestep), schedule: schedule)
        }
        #expect(error?.reason == .outsideSchedule(above: 1, upTo: 951))
        #expect(error?.description.contains("above 1.0") == true)
        // What the message says is allowed is allowed.
        #expect(try Handoff(.timestep(1.01), schedule: schedule).refinerSteps == 1)
        #expect(try Handoff(.timestep(951), schedule: schedule).baseSteps == 1)
    }

    @Test(arguments: [Double.nan, .infinity, -1, 0, 15])
    func `a sigma that starves an expert is an error that says which would not`(
        sigma: Double
    ) throws {
        let schedule = Self.schedule(20)
        #expect(throws: HandoffError.self) { try Handoff(.sigma(sigma), schedule: schedule) }
        let lowest = Double(schedule.sigmas[19])
        #expect(try Handoff(.sigma(lowest.nextUp), schedule: schedule).refinerSteps == 1)
        #expect(throws: HandoffError.self) { try Handoff(.sigma(lowest), schedule: schedule) }
        let highest = Double(schedule.sigmas[0])
        #expect(try Handoff(.sigma(highest), schedule: schedule).baseSteps == 1)
        #expect(throws: HandoffError.self) {
            try Handoff(.sigma(highest.nextUp), schedule: schedule)
        }
    }

    // MARK: diffusers' own splits

    private struct Splits: Decodable {
        /// scheduler -> fraction -> steps - 1 -> [base evaluations, refiner evaluations]
        let table: [String: [String: [[Int]?]]]
    }

    /// diffusers' denoising_end as a timestep: Python's round is half to even.
    private func diffusersCutoff(_ fraction: Double) -> Double {
        (1000 - fraction * 1000).rounded(.toNearestOrEven)
    }

    @Test(arguments: SamplerRun.all)
    func `a start timestep splits as diffusers does, to whole steps`(run: SamplerRun) throws {
        let splits = try JSONDecoder().decode(
            Splits.self, from: Repository.reference("handoff_splits.json"))
        let table = try #require(splits.table[run.name])
        for (fraction, rows) in table {
            let cutoff = diffusersCutoff(try #require(Double(fraction)))
            for (index, row) in rows.enumerated() {
                let steps = index + 1
                guard let row, !isMiscounted(steps, run.spacing) else { continue }
                let schedule = run.algorithm.schedule(stepCount: steps, spacing: run.spacing)
                let isSecondOrder = run.algorithm.evaluationsPerStep == 2
                let expected = isSecondOrder ? (row[0] + 1) / 2 : row[0]
                let handoff = try? Handoff(.timestep(cutoff), schedule: schedule)
                if (1..<steps).contains(expected) {
                    #expect(handoff?.baseSteps == expected, "\(fraction) of \(steps) steps")
                } else {
                    #expect(handoff == nil, "\(fraction) of \(steps) steps")
                }
            }
        }
    }

    /// With trailing spacing rounding gives diffusers a 62nd step, at timestep -1, for 61.
    private func isMiscounted(_ steps: Int, _ spacing: Spacing) -> Bool {
        spacing == .trailing && steps == 61
    }
}
