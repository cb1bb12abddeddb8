import ArgumentParser
import Generation
import SDXL
import Tensors

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Times the parts of a generation on this machine.",
        discussion: """
            Text encoders, one step of the base and of the refiner, the VAE both ways, each by itself on \
            made-up inputs: seconds, and how near they come to what the machine's matrix products reach in \
            the same minute.

            EXAMPLES
              refinery bench
              refinery bench --models ~/models --size 512x512 --size 1024x1024 --guidance off
              refinery bench --models ~/models --parts base --runs 1 --profile
              refinery bench --models ~/models --json > today.json
            """)

    @OptionGroup var options: BenchOptions
    @OptionGroup var engine: EngineOptions

    @Flag(help: "Show where the time goes, by kind of work and by layer, in one more run.")
    var profile = false

    @Flag(help: "Report as JSON.")
    var json = false

    @Flag(
        help:
            "Load one part and run it once for each line on standard input, to take turns with others."
    )
    var turns = false

    @Option(
        help: ArgumentHelp(
            "With --turns: write inputs and results to a file, to hold another engine against.",
            valueName: "file"))
    var save: String?

    func validate() throws {
        if turns, profile || json {
            throw ValidationError(
                "--turns has a report of its own: leave --profile and --json out.")
        }
        if save != nil, !turns { throw ValidationError("--save goes with --turns.") }
    }

    func run() throws {
        let catalog: ModelCatalog
        do {
            catalog = try ModelCatalog(directory: engine.models)
        } catch {
            throw UsageError("\(error)")
        }
        let bench = try Workbench(catalog: catalog, base: options.model, refiner: options.refiner)
        let items = try options.items(bench)
        let threads = engine.threadCount
        if turns {
            try takeTurns(bench, items, threads: threads)
        } else {
            let report = try BenchRun(
                bench: bench, items: items, threads: threads, laterRuns: options.runs,
                profiles: profile
            ).report(progress: showProgress)
            let usesColours = Terminal.width(of: .output) != nil && Terminal.wantsColours
            Terminal.write(
                json ? report.json.text + "\n" : report.text(usesColours: usesColours), to: .output)
        }
    }

    private func takeTurns(
        _ bench: Workbench, _ items: [BenchOptions.Item], threads: Int
    ) throws {
        guard items.count == 1 else {
            throw UsageError(
                "--turns runs one thing: give one of --parts, one --size, and --guidance.")
        }
        let run = try bench.prepare(
            items[0].part, size: items[0].size, images: items[0].images, threads: threads)
        try BenchTurns(
            run: run, threads: threads,
            save: save.map { path in { try Files.write(Array($0), to: path) } },
            readLine: { readLine() }, write: { Terminal.write($0, to: .output) }
        ).serve()
    }

    /// What is measured now, on a line that is gone at the end.
    private func showProgress(_ text: String) {
        guard Terminal.width(of: .error) != nil else { return }
        Terminal.write("\r\u{1B}[K\(text)", to: .error)
    }
}
