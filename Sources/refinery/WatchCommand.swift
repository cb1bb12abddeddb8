import ArgumentParser
import Client
import Generation

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follows a job on a server, or all of them.",
        discussion: """
            A job is followed from how it stands, whoever asked for it, to its end; its pictures are
            written with --output. Without a job all jobs are followed, a line for each change, until
            interrupted. Watching changes nothing: interrupt it as you like. A terminal that can shows the
            picture as it forms, if the job was asked for with previews.

            EXAMPLES
              refinery watch --server 127.0.0.1:7420
              refinery watch 50836053-a0ee-4cf5-b9d6-ae7c5d140ada --output fox.png --server 127.0.0.1:7420
            """)

    @Argument(help: "The job's id: its request id, or what the server made up.")
    var job: String?

    @OptionGroup var remote: ServerOptions
    @OptionGroup var previews: PreviewOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write the pictures to this PNG file; several are numbered.", valueName: "file"),
        completion: Completions.picture)
    var output: String?

    @Flag(help: "Report as JSON, an object a line.")
    var json = false

    func validate() throws {
        if job == nil, output != nil {
            throw ValidationError("--output is for the pictures of one job: name it.")
        }
    }

    func run() async throws {
        let client = try remote.client()
        let (job, output, json) = (job, output, json)
        let graphics = job == nil ? nil : previews.graphics(json: json)
        try await Self.untilInterrupted(client) {
            if let job {
                try await Self.follow(job, client, output: output, json: json, graphics: graphics)
            } else {
                try await Self.followAll(client, json: json)
            }
        }
    }

    /// Does the work, and closes the client; an interruption ends the work alone.
    static func untilInterrupted(
        _ client: RefineryClient, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let work = Task(operation: body)
        let cancel: @Sendable () -> Void = { work.cancel() }
        try await Interruption.handled(by: cancel) {
            let result = await work.result
            client.close()
            try result.get()
        }
    }

    /// Reports a job from how it stands to its end.
    ///
    /// - Parameters:
    ///   - output: where its pictures are written, if at all.
    ///   - graphics: how the terminal shows its previews, if at all.
    static func follow(
        _ job: String, _ client: RefineryClient, output: String?, json: Bool,
        graphics: TerminalGraphics?
    ) async throws {
        let count = try await client.job(job).imageCount
        var files = try output.map { try PictureFiles(output: $0, count: count) }
        var rendering = Renderings.make(json: json, graphics: graphics)
        do {
            for try await event in client.watch(job) {
                var report = Report.event(event)
                if case .image(let image) = event.content {
                    guard let path = try files?.write(image.png) else { continue }
                    report = .saved(event, image, path: path)
                }
                Terminal.write(rendering.text(for: report), to: .output)
            }
            try Task.checkCancellation()
            Terminal.write(rendering.end(), to: .output)
        } catch {
            Terminal.write(rendering.end(), to: .output)
            throw Task.isCancelled ? CancellationError() : error
        }
    }

    private static func followAll(_ client: RefineryClient, json: Bool) async throws {
        // Several jobs at once are not one bar.
        var rendering: any Rendering = json ? JSONRendering() : JobLines()
        for try await event in client.watchAll() {
            Terminal.write(rendering.text(for: .event(event)), to: .output)
        }
        throw CancellationError()
    }
}

/// A line for each event of any job, which begins with the job's id.
struct JobLines: Rendering {
    mutating func text(for report: Report) -> String {
        guard case .event(let event) = report else { return "" }
        let lines =
            if case .image(let image) = event.content {
                ["image \(image.imageIndex + 1)/\(image.imageCount), \(Wording.image(image))"]
            } else {
                PlainRendering.lines(for: report)
            }
        return lines.map { "\(Wording.printable(event.jobID))  \($0)\n" }.joined()
    }

    func end() -> String { "" }
}
