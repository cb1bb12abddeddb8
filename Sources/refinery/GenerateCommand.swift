import ArgumentParser
import Generation

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Makes a picture: on a server, or in this process.",
        discussion: """
            A bar shows the steps on a terminal, and where that can show pictures (kitty, iTerm2, sixels) the
            picture as it forms; a line each goes to a pipe, JSON lines with --json.

            EXAMPLES
              refinery generate "a lighthouse at dawn" --seed 7
              refinery generate "a lighthouse at dawn" --steps 40 \\
                --model base --refiner refiner --refiner-start-percentage 80
              refinery generate "the same, painted" --seed-image picture.png --strength 0.5
              refinery generate "a lighthouse at dawn" --preview sixel --preview-every 5
              refinery generate --request tasks.json --server 127.0.0.1:7420 --json
              refinery generate "a red fox" --detach --request-id fox --server 127.0.0.1:7420
            """)

    @OptionGroup var request: RequestOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var previews: PreviewOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The PNG file. Several pictures are numbered: picture-1.png and so on.",
            valueName: "file"), completion: Completions.picture)
    var output = "picture.png"

    @Option(
        help: ArgumentHelp(
            "Write every step's numbers to a file, to compare with another run.", valueName: "file"),
        completion: Completions.file)
    var trace: String?

    @Flag(help: "Report as JSON, an object a line.")
    var json = false

    @Flag(
        help: "Only have the jobs accepted by --server, and list them: see watch, jobs and cancel.")
    var detach = false

    func validate() throws {
        if detach, source.server == nil {
            throw ValidationError(
                "--detach is for a server that goes on with the job: give --server.")
        }
        if request.pauseAt != nil, source.server == nil {
            throw ValidationError("--pause-at is for a server that keeps the job: give --server.")
        }
        if trace != nil, source.server != nil {
            throw ValidationError("--trace is for work in this process: leave --server out.")
        }
    }

    func run() async throws {
        let reading = try request.read()
        let count = reading.requests.reduce(0) { $0 + $1.pictureCount }
        if trace != nil, reading.requests.count > 1 || !reading.requests[0].branches.isEmpty {
            throw UsageError(
                "--trace records one request without branches: the file has more than that.")
        }
        if detach { return try await submit(reading) }
        let files = try PictureFiles(output: output, count: count)
        let graphics = previews.graphics(json: json)
        var rendering = Renderings.make(json: json, graphics: graphics)
        for notice in reading.notices {
            Terminal.write(rendering.text(for: .notice(notice)), to: .output)
        }
        let pictures = try source.open(trace: trace)
        let run = GenerateRun(source: pictures, rendering: rendering, files: files) {
            Terminal.write($0, to: .output)
        }
        let work = Task {
            var run = run
            let requests = try await request.addPictures(to: reading.requests, at: pictures)
            try await run.make(graphics == nil ? requests : requests.map { $0.previewed() })
        }
        let cancel: @Sendable () -> Void = { work.cancel() }
        try await Interruption.handled(by: cancel) {
            let result = await work.result
            try await pictures.close()
            try result.get()
        }
    }

    private func submit(
        _ reading: (requests: [GenerationRequest], notices: [String])
    ) async throws {
        let server = try RemotePictures(source.server ?? "", try source.access.clientOptions())
        defer { server.close() }
        for notice in reading.notices { Terminal.write(notice + "\n", to: .error) }
        for request in try await request.addPictures(to: reading.requests, at: server) {
            let job = try await server.submit(request)
            Terminal.write(json ? JobList.json([job]) : JobList.text([job]), to: .output)
        }
    }
}
