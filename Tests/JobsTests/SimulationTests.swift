import Foundation
import TestSupport
import Testing

/// Thousands of runs of everything that can happen to jobs, on one thread; a failing seed replays.
///
/// `REFINERY_SIMULATIONS=20000 swift test --filter SimulationTests` makes more; `REFINERY_SIMULATION_SEED=n`
/// repeats one, and prints what happened in it.
struct SimulationTests {
    static let count = number("REFINERY_SIMULATIONS") ?? 100
    static let seed = number("REFINERY_SIMULATION_SEED")

    @Test func `whatever happens, in whatever order, the rules hold`() {
        let first = Self.seed ?? .random(in: 0..<1 << 40)
        for seed in first..<first + (Self.seed == nil ? Self.count : 1) {
            let simulation = Simulation(seed: UInt64(seed))
            simulation.run(actions: 250)
            if Self.seed != nil { print(simulation.log.joined(separator: "\n")) }
            guard simulation.complaints.isEmpty else {
                Issue.record("seed \(seed): \(simulation.complaints.prefix(3))")
                return
            }
        }
    }

    /// A job that was cut short, whose cancelling the store lost and whose checkpoint it kept, was paused after
    /// the next start.
    @Test(arguments: [1_003_697_341_549])
    func `what once broke a rule breaks none`(seed: Int) {
        let simulation = Simulation(seed: UInt64(seed), variesSizes: false)
        simulation.run(actions: 250)
        #expect(simulation.complaints.isEmpty, "\(simulation.complaints)")
    }

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
    }
}
