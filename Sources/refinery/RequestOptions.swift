import ArgumentParser
import Generation

/// What to make: a prompt and flags, or a file of requests. Values are checked where they are used,
/// by `Generation`, the same for all callers.
struct RequestOptions: ParsableArguments {
    @Argument(help: "What the picture shows.")
    var prompt: String?

    @Option(
        help: ArgumentHelp(
            "Requests as JSON instead of a prompt: an object or an array of them.",
            valueName: "file"))
    var request: String?

    @Option(help: "What it does not show. An empty text differs from none.")
    var negativePrompt: String?

    @Option(help: "The base model; see 'refinery models'.")
    var model: String?

    @Option(help: "The refiner, which takes over the last steps.")
    var refiner: String?

    @Option(help: "The refiner's first step, 2 to the number of steps.")
    var refinerStartStep: Int?

    @Option(help: "The base model's share of the steps, 1 to 99; 80 to 95 is usual.")
    var refinerStartPercentage: Int?

    @Option(help: "Such as 'Euler' or 'Euler a'.")
    var scheduler: String?

    @Option(help: "Steps of both experts together.")
    var steps: Int?

    @Option(help: "The same seed gives the same picture; image i has seed + i.")
    var seed: Int64?

    @Option(help: "How closely to follow the prompt; 1 or less ignores the negative one.")
    var cfgScale: Double?

    @Option(help: "Pixels, a multiple of 8; needs --height.")
    var width: Int?

    @Option(help: "Pixels, a multiple of 8; needs --width.")
    var height: Int?

    @Option(help: "Images to make.")
    var count: Int?

    func validate() throws {
        switch (prompt, request) {
        case (nil, nil):
            throw ValidationError("Give a prompt, or requests with --request FILE.")
        case (_?, _?):
            throw ValidationError("Give a prompt or --request, not both.")
        case (nil, _?) where requestFromFlags != GenerationRequest():
            throw ValidationError(
                "--request describes the pictures alone. Put the other values into its file.")
        default:
            break
        }
    }

    /// The requests, and sentences about what the file asks for.
    func read() throws -> (requests: [GenerationRequest], notices: [String]) {
        guard let request else { return ([requestFromFlags], []) }
        let text: [UInt8]
        do {
            text = try Files.read(request)
        } catch {
            throw UsageError("\(error)")
        }
        let reading = try RequestReader.read(text)
        return (reading.requests, reading.notices)
    }

    private var requestFromFlags: GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = prompt
        request.negativePrompt = negativePrompt
        request.model = model
        request.scheduler = scheduler
        request.steps = steps
        request.seed = seed
        request.cfgScale = cfgScale
        request.width = width
        request.height = height
        request.numberResults = count
        if refiner != nil || refinerStartStep != nil || refinerStartPercentage != nil {
            var handoff = GenerationRequest.Refiner()
            handoff.model = refiner
            handoff.startStep = refinerStartStep
            handoff.startStepPercentage = refinerStartPercentage
            request.refiner = handoff
        }
        return request
    }
}
