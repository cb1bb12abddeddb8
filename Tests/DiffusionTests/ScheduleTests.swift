import Diffusion
import Foundation
import TestSupport
import Testing

@Suite struct ScheduleTests {
    /// The cases of `index.json`, as far as a schedule is concerned.
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        struct Inputs: Decodable, Sendable {
            let scheduler: String
            let steps: Int
        }
        let name: String
        let inputs: Inputs
        let tensors: [String: String]
        let order: Int

        var testDescription: String { name }

        static func all() throws -> [Case] {
            struct Index: Decodable {
                let cases: [Case]
            }
            return try JSONDecoder().decode(Index.self, from: Repository.reference("index.json"))
                .cases
        }
    }

    @Test(arguments: try Case.all())
    func `schedules of whole cases have diffusers' timesteps and sigmas`(example: Case) throws {
        let run = try #require(SamplerRun.named(example.inputs.scheduler))
        let schedule = run.algorithm.schedule(
            stepCount: example.inputs.steps, spacing: run.spacing)
        if let path = example.tensors["timesteps"] {
            let expected = try ReferenceTensors(path).float64("timesteps")
            // Second-order samplers list a timestep per evaluation, two per step but for the last.
            let perStep = stride(from: 0, to: expected.count, by: example.order).map {
                expected[$0]
            }
            expectClose(schedule.timesteps, perStep)
        }
        if let path = example.tensors["sigmas"] {
            let expected = try ReferenceTensors(path).float64("sigmas")
            let perStep =
                stride(from: 0, to: expected.count - 1, by: example.order).map { expected[$0] }
                + [expected[expected.count - 1]]
            expectClose(schedule.sigmas.map(Double.init), perStep)
        }
    }

    static let layouts = SamplerAlgorithm.allCases.flatMap { algorithm in
        algorithm.spacings.map { (algorithm, $0) }
    }

    @Test(arguments: layouts)
    func `every schedule of 1 to 100 steps falls from high noise to little or none`(
        algorithm: SamplerAlgorithm, spacing: Spacing
    ) {
        for steps in 1...100 {
            let schedule = algorithm.schedule(stepCount: steps, spacing: spacing)
            #expect(schedule.stepCount == steps)
            #expect(schedule.sigmas.count == steps + 1)
            #expect(
                zip(schedule.sigmas, schedule.sigmas.dropFirst()).allSatisfy {
                    $0 > $1 || $0 == $1 && spacing == .linspace
                },
                "sigmas of \(steps) steps")
            #expect(
                zip(schedule.timesteps, schedule.timesteps.dropFirst()).allSatisfy { $0 >= $1 },
                "timesteps of \(steps) steps")
            #expect(schedule.timesteps.allSatisfy { (0...999).contains($0) })
            #expect(schedule.initialNoiseSigma >= 0)
        }
    }

    @Test func `the ends of the range of step counts work too`() {
        for (algorithm, spacing) in Self.layouts {
            for steps in [Schedule.stepCounts.lowerBound, Schedule.stepCounts.upperBound] {
                let schedule = algorithm.schedule(stepCount: steps, spacing: spacing)
                #expect(schedule.stepCount == steps)
                #expect(schedule.sigmas.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test func `a sigma and its timestep find each other`() {
        let noise = TrainingNoise.sdxl
        for timestep in [0, 0.25, 1, 17.5, 500, 998.75, 999] {
            let found = noise.timestep(at: noise.sigma(at: timestep))
            // One is linear in sigma, the other in log sigma, so they differ between whole timesteps.
            #expect(abs(found - timestep) < 0.05, "timestep \(timestep)")
        }
        #expect(noise.timestep(at: 0) == 0)
        #expect(noise.timestep(at: 1000) == 999)
        #expect(noise.sigma(at: -1) == noise.sigma(at: 0))
        #expect(noise.sigma(at: 2000) == noise.sigmas[999])
    }

    private func expectClose(_ actual: [Double], _ expected: [Double]) {
        #expect(actual.count == expected.count)
        for (index, (a, e)) in zip(actual, expected).enumerated() {
            #expect(abs(a - e) <= 1e-6 * abs(e), "entry \(index)")
        }
    }
}
