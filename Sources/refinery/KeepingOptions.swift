import ArgumentParser
import Generation
import Jobs

/// Where a server keeps its jobs, and for how long.
struct KeepingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder for jobs and their pictures; made if it is not there.", valueName: "dir"),
        completion: .directory)
    var data: String?

    @Option(help: "Days for which ended jobs are kept, and paused ones for others to resume.")
    var keepDays = 7.0

    @Option(help: "GiB of ended jobs' pictures that are kept; without --data, 0.25 unless given.")
    var keepGib: Double?

    @Option(help: "Seconds between two checkpoints of a job; 0 makes one after each step.")
    var checkpointSeconds = 1.0

    func validate() throws {
        for (name, value, range) in [
            ("--keep-days", keepDays, 0...36_500.0), ("--keep-gib", keepGib ?? 0, 0...1e6),
            ("--checkpoint-seconds", checkpointSeconds, 0...86_400),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) is \(value): give \(Int(range.lowerBound)) to \(Int(range.upperBound)).")
        }
    }

    /// - Parameter configuration: all but what these options say.
    /// - Throws: ``UsageError`` when the folder cannot be used.
    func openJobs(
        _ generator: any ImageGenerator, _ configuration: JobScheduler.Configuration,
        onEnd: @escaping @Sendable (JobEnding) -> Void
    ) throws -> JobScheduler {
        var configuration = configuration
        configuration.retention = Retention(
            age: .seconds(keepDays * 86_400),
            byteMaximum: Int((keepGib ?? (data == nil ? 0.25 : 4)) * Double(1 << 30)))
        configuration.checkpointInterval = .seconds(checkpointSeconds)
        do {
            let store = try data.map { try SQLiteJobStore(directory: $0) } ?? SQLiteJobStore()
            return try JobScheduler(
                generator: generator, store: store, configuration: configuration, onEnd: onEnd)
        } catch {
            throw UsageError("--data \(data ?? ""): \(error)")
        }
    }
}
