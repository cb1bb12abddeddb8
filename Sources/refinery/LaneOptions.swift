import ArgumentParser
import Jobs
import SDXL

/// How many jobs a server works on at once.
struct LaneOptions: ParsableArguments {
    @Option(
        name: .customLong("lanes"),
        help: ArgumentHelp(
            """
            Jobs that are worked on at once, whatever their size; those that have work share the threads. Unless \
            given: one job whose steps fill the threads, or as many small ones as there are threads, 4 at most.
            """, valueName: "lanes"))
    var given: Int?

    func validate() throws {
        guard (1...64).contains(given ?? 1) else {
            throw ValidationError("--lanes is \(given ?? 0): give 1 to 64.")
        }
    }

    /// - Parameter threads: of all lanes together.
    func scheduling(threads: Int) -> JobScheduler.Configuration {
        var configuration = JobScheduler.Configuration(laneCount: given ?? min(threads, 4))
        if given == nil {
            configuration.smallStepOperations = SDXLGenerator.smallStepOperations(threads: threads)
        }
        return configuration
    }
}
