import ArgumentParser
import Client
import Generation

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Lists a server's jobs, the newest first.",
        discussion: """
            EXAMPLES
              refinery jobs
              refinery jobs --state queued --state running
              refinery jobs --all --json --server 127.0.0.1:7420
            """)

    @OptionGroup var remote: ServerOptions

    @Option(
        help: "Only these: queued, running, finished, failed, cancelled, paused; may be repeated.")
    var state: [JobStateName] = []

    @Option(help: "Only those of this base model or refiner.")
    var model: String?

    @Flag(help: "All there are, not only the newest hundred.")
    var all = false

    @Flag(help: "List as JSON, an object a line.")
    var json = false

    func run() async throws {
        let client = try remote.client()
        defer { client.close() }
        var filter = JobFilter(states: state.map(\.state), model: model)
        if all { filter.pageSize = JobFilter.pageSizes.upperBound }
        repeat {
            let page = try await client.jobs(filter)
            Terminal.write(json ? JobList.json(page.jobs) : JobList.text(page.jobs), to: .output)
            filter.pageToken = page.nextToken
        } while all && filter.pageToken != nil
    }
}

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Ends a job on a server, without a picture or with what there is.",
        discussion: """
            EXAMPLES
              refinery cancel 50836053-a0ee-4cf5-b9d6-ae7c5d140ada
              refinery cancel my-job --outcome decode
              refinery cancel my-job --outcome refiner
            """)

    @Argument(help: "The job's id.")
    var job: String

    @OptionGroup var remote: ServerOptions

    @Option(
        help: ArgumentHelp(
            "discard: no picture. decode: the picture as it is predicted now. refiner: the refiner takes "
                + "over now. The picture then completes the job."))
    var outcome = CancelOutcomeName.discard

    func run() async throws {
        let client = try remote.client()
        defer { client.close() }
        let job = try await client.cancel(job, outcome.outcome)
        Terminal.write(JobList.text([job]), to: .output)
    }
}

/// How a state is called on the command line.
enum JobStateName: String, ExpressibleByArgument, CaseIterable {
    case queued, running, finished, failed, cancelled, paused

    var state: JobState {
        switch self {
        case .queued: .queued
        case .running: .running
        case .finished: .finished
        case .failed: .failed
        case .cancelled: .cancelled
        case .paused: .paused
        }
    }
}

/// Likewise an outcome.
enum CancelOutcomeName: String, ExpressibleByArgument, CaseIterable {
    case discard, decode, refiner

    var outcome: CancelOutcome {
        switch self {
        case .discard: .discard
        case .decode: .decodeNow
        case .refiner: .skipToRefiner
        }
    }
}
