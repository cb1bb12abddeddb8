import ArgumentParser
import Generation

struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract:
            "One seed with and without the refiner, or handed over at several steps, side by side.",
        discussion: """
            The base's steps are run once: at each handoff its state is kept, and each ending goes on from
            there to the very picture that a request of its own would give. What comes out is one PNG with
            all endings, the differences from the first below them, and a table of figures.

            EXAMPLES
              refinery compare "a red fox" --refiner emoji-refiner --seed 7
              refinery compare "a red fox" --refiner emoji-refiner --steps 40 \\
                --handoffs none,39,37,35,33 --output sweep.png
              refinery compare "a red fox" --refiner emoji-refiner --handoffs 80%,85%,90%,95% --json
              refinery compare --like fox.png --refiner emoji-refiner --server 127.0.0.1:7420
            """)

    @OptionGroup var request: RequestOptions
    @OptionGroup var source: SourceOptions

    @Option(
        help: ArgumentHelp(
            "The endings: the refiner's first step or the base's share of the steps, and none for the "
                + "base alone. Unless given: none, and the refiner as the other flags have it, from 80 %.",
            valueName: "none,37,90%,..."))
    var handoffs: HandoffList?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The PNG file with all of it.", valueName: "file"),
        completion: Completions.picture)
    var output = "comparison.png"

    @Option(
        help: ArgumentHelp(
            "Write each ending's own PNG too, numbered in their order.", valueName: "file"),
        completion: Completions.picture)
    var pictures: String?

    @Option(help: "How many times the differences are amplified, 1 to 255.")
    var amplify = 8

    @Flag(help: "Print the figures as JSON.")
    var json = false

    func validate() throws {
        guard (1...255).contains(amplify) else {
            throw ValidationError("--amplify is \(amplify): give 1 to 255.")
        }
    }

    func run() async throws {
        let reading = try request.read()
        guard reading.requests.count == 1 else {
            throw UsageError("compare takes one request: the file has \(reading.requests.count).")
        }
        for notice in reading.notices { Terminal.write(notice + "\n", to: .error) }
        let asked = try Self.request(reading.requests[0], handoffs?.branches)
        var own = try pictures.map { try PictureFiles(output: $0, count: asked.pictureCount) }
        var whole = try PictureFiles(output: output, count: 1)
        let source = try source.open()
        let run = ComparisonRun(
            source: source,
            rendering: Terminal.width(of: .error).map {
                LiveRendering(width: $0, usesColours: Terminal.wantsColours)
            }
        ) { Terminal.write($0, to: .error) }
        let work = Task {
            var run = run
            let request = try await request.addPictures(to: [asked], at: source)[0]
            return try await run.make(request)
        }
        let cancel: @Sendable () -> Void = { work.cancel() }
        try await Interruption.handled(by: cancel) {
            let result = await work.result
            try await source.close()
            let (comparison, files) = try result.get()
            for file in files { _ = try own?.write(file) }
            let path = try whole.write(comparison.png(factor: amplify))
            let text =
                json
                ? comparison.json.text + "\n"
                : comparison.table + "\(Wording.printable(path))\n"
            Terminal.write(text, to: .output)
        }
    }

    /// The request with its endings.
    static func request(
        _ request: GenerationRequest, _ handoffs: [GenerationRequest.Branch]?
    ) throws -> GenerationRequest {
        var request = request
        guard request.numberResults ?? 1 == 1 else {
            throw UsageError("compare shows the endings of one seed: leave --count out.")
        }
        if let handoffs { request.branches = handoffs }
        if request.branches.isEmpty {
            request.branches = [.init(), .init(refiner: GenerationRequest.Refiner())]
        }
        guard request.branches.count > 1 else {
            throw UsageError("one ending cannot be compared: give --handoffs two or more.")
        }
        if let refiner = request.refiner, refiner.startStep == nil,
            refiner.startStepPercentage == nil, refiner.startTimestep == nil,
            refiner.startSigma == nil
        {
            request.refiner?.startStepPercentage = 80
        }
        return request
    }
}

/// `none,37,90%`.
struct HandoffList: ExpressibleByArgument {
    let branches: [GenerationRequest.Branch]

    init?(argument: String) {
        var branches: [GenerationRequest.Branch] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            var refiner = GenerationRequest.Refiner()
            if part == "none" {
                branches.append(.init())
                continue
            } else if part.last == "%", let percentage = Int(part.dropLast()) {
                refiner.startStepPercentage = percentage
            } else if let step = Int(part) {
                refiner.startStep = step
            } else {
                return nil
            }
            branches.append(.init(refiner: refiner))
        }
        self.branches = branches
    }
}
