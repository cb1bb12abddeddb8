import ArgumentParser
import Client
import Generation

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Goes on from a paused job on a server, as it was or with another refiner.",
        discussion: """
            The paused job stays, and may be resumed as often as you like: each time makes a job of its own,
            whose picture is that of its request run from the start. What is not given is as it was. The
            refiner can be another, and take over elsewhere, as long as the base has the picture. Interrupt
            it as you like: the new job goes on.

            EXAMPLES
              refinery generate "a red fox" --steps 40 --pause-at 30 --request-id fox \\
                --server 127.0.0.1:7420 --output preview.png
              refinery resume fox --refiner emoji-refiner --refiner-start-step 37 --output refined.png
              refinery resume fox --no-refiner --output plain.png
              refinery cancel fox
            """)

    @Argument(help: "The paused job's id.")
    var job: String

    @OptionGroup var remote: ServerOptions
    @OptionGroup var previews: PreviewOptions

    @Option(help: "The refiner that takes over.", completion: Completions.refiners)
    var refiner: String?

    @Option(help: "The refiner's first step.")
    var refinerStartStep: Int?

    @Option(help: "The base model's share of the steps, 1 to 99.")
    var refinerStartPercentage: Int?

    @Option(help: "Guidance of the refiner's steps.")
    var refinerCfgScale: Double?

    @Option(help: "The refiner's own prompt.")
    var refinerPrompt: String?

    @Option(help: "What the refiner's steps shall not show.")
    var refinerNegativePrompt: String?

    @Flag(help: "The base ends the picture alone.")
    var noRefiner = false

    @Option(help: ArgumentHelp("Pause again, later on.", valueName: "step or handoff"))
    var pauseAt: PausePointName?

    @Option(help: "A name of your own for the new job, to find it again by.")
    var requestID: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The PNG file.", valueName: "file"), completion: Completions.picture)
    var output = "picture.png"

    @Flag(help: "Only have the job accepted, and list it: see watch, jobs and cancel.")
    var detach = false

    @Flag(help: "Report as JSON, an object a line.")
    var json = false

    func run() async throws {
        // Before the job is made.
        if !detach { _ = try PictureFiles(output: output, count: 1) }
        let client = try remote.client()
        let (request, output, detach, json) = (request, output, detach, json)
        let graphics = detach ? nil : previews.graphics(json: json)
        try await WatchCommand.untilInterrupted(client) {
            let job = try await client.resume(request)
            if detach {
                Terminal.write(json ? JobList.json([job]) : JobList.text([job]), to: .output)
            } else {
                try await WatchCommand.follow(
                    job.id, client, output: output, json: json, graphics: graphics)
            }
        }
    }

    var request: ResumeRequest {
        var asked = GenerationRequest.Refiner()
        asked.model = refiner
        asked.startStep = refinerStartStep
        asked.startStepPercentage = refinerStartPercentage
        asked.cfgScale = refinerCfgScale
        asked.positivePrompt = refinerPrompt
        asked.negativePrompt = refinerNegativePrompt
        return ResumeRequest(
            jobID: job, requestID: requestID,
            refiner: asked == GenerationRequest.Refiner() ? nil : asked,
            withoutRefiner: noRefiner, pauseAt: pauseAt?.point)
    }
}

/// How a point to pause at is called on the command line.
struct PausePointName: ExpressibleByArgument {
    let point: GenerationRequest.PausePoint

    init?(argument: String) {
        if argument == "handoff" {
            point = .handoff
        } else if let step = Int(argument) {
            point = .step(step)
        } else {
            return nil
        }
    }
}
