import ArgumentParser
import Generation
import PNGEncoding

/// What to make: a prompt and flags, or a file of requests. Values are checked where they are used,
/// by `Generation`, the same for all callers.
struct RequestOptions: ParsableArguments {
    @Argument(help: "What the picture shows.")
    var prompt: String?

    @Option(
        help: ArgumentHelp(
            "Requests as JSON instead of a prompt: an object or an array of them.",
            valueName: "file"), completion: Completions.requests)
    var request: String?

    @Option(
        help: ArgumentHelp(
            "Make a picture again, from the PNG that Refinery wrote, instead of a prompt.",
            valueName: "png"), completion: Completions.picture)
    var like: String?

    @Option(help: "What it does not show. An empty text differs from none.")
    var negativePrompt: String?

    @Option(help: "The base model; see 'refinery models'.", completion: Completions.models)
    var model: String?

    @Option(
        help: "A VAE file that decodes in place of the model's own; see 'refinery models'.",
        completion: Completions.vaes)
    var vae: String?

    @Option(help: "The refiner, which takes over the last steps.", completion: Completions.refiners)
    var refiner: String?

    @Option(help: "The refiner's first step, 2 to the number of steps.")
    var refinerStartStep: Int?

    @Option(help: "The base model's share of the steps, 1 to 99; 80 to 95 is usual.")
    var refinerStartPercentage: Int?

    @Option(
        help: ArgumentHelp(
            "A LoRA for the base model, and how much of it, -4 to 4; may be given again.",
            valueName: "name[:weight]"), completion: Completions.loras)
    var lora: [String] = []

    @Option(help: "Such as 'Euler' or 'Euler a'.", completion: Completions.schedulers)
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

    @Option(help: "Text encoder layers left out beyond SDXL's own choice, 0 to 2.")
    var clipSkip: Int?

    @Option(
        help: "compel or sdEmbeds: how weights are written in the prompts.",
        completion: .list(GenerationJob.PromptWeighting.allCases.map(\.rawValue)))
    var promptWeighting: String?

    @Option(help: "0 to 1: tames the contrast of high guidance.")
    var guidanceRescale: Double?

    @Option(
        help: ArgumentHelp(
            "A learned word for the prompts, and its weight, -4 to 4; may be given again.",
            valueName: "name[:weight]"), completion: Completions.embeddings)
    var embedding: [String] = []

    @Option(help: "0 to 1: fresh noise in each step, for DDIM and TCD.")
    var eta: Double?

    @Option(
        help: "KEEP or RESET: what a multistep scheduler remembers at the handoff.",
        completion: .list(GenerationJob.HandoffHistory.allCases.map(\.rawValue)))
    var handoffHistory: String?

    @Option(
        help: ArgumentHelp(
            "A PNG file to start from; gives the size. With a refiner as --model that finishes it.",
            valueName: "file"), completion: Completions.picture)
    var seedImage: String?

    @Option(
        help: ArgumentHelp(
            "A PNG file of the same size: white is made anew, black stays.", valueName: "file"),
        completion: Completions.picture)
    var maskImage: String?

    @Option(help: "How much of the schedule is run on --seed-image, 0 to 1; 0.8 unless given.")
    var strength: Double?

    // Or a negative number would be taken for a flag.
    @Option(parsing: .unconditional, help: "Among jobs that wait, -10 to 10: higher is sooner.")
    var priority: Int?

    @Option(help: "Seconds after which the job ends, done or not.")
    var deadline: Double?

    @Option(help: "A name of your own for the job, to find it again by.")
    var requestID: String?

    @Option(
        help: ArgumentHelp(
            "Stop after so many steps, with a preview, for 'refinery resume' to go on from.",
            valueName: "step or handoff"))
    var pauseAt: PausePointName?

    @Option(help: "Steps from one preview of the picture to the next, 1 to 100; none unless given.")
    var previewEvery: Int?

    @Option(
        help:
            "Pixels of a preview's longer side, 16 to 512; an eighth of the picture's unless given."
    )
    var previewSide: Int?

    func validate() throws {
        if let deadline, !(0.001...2_592_000).contains(deadline) {
            throw ValidationError("--deadline is \(deadline): give 0.001 to 2592000 seconds.")
        }
        let sources = [prompt, request, like].compactMap { $0 }
        guard sources.count == 1 else {
            throw ValidationError(
                sources.isEmpty
                    ? "Give a prompt, requests with --request FILE, or a picture with --like PNG."
                    : "Give one of a prompt, --request and --like.")
        }
        guard prompt != nil || requestFromFlags == GenerationRequest() else {
            throw ValidationError(
                "--request and --like describe the pictures alone: leave the other flags out.")
        }
    }

    /// The requests, and sentences about what the file asks for.
    func read() throws -> (requests: [GenerationRequest], notices: [String]) {
        if let like { return ([try Self.request(madeBy: like)], []) }
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

    /// The request that a picture's file keeps.
    private static func request(madeBy path: String) throws -> GenerationRequest {
        let record: [UInt8]?
        do {
            record = try PNGTextReader.text(PictureRecord.keyword, in: Files.read(path))
        } catch {
            throw UsageError("\(path) cannot be read: \(error)")
        }
        guard let record else {
            throw UsageError(
                "\(path) does not say how it was made: give a PNG that Refinery wrote, unchanged.")
        }
        return try PictureRecord(record).request
    }

    /// Hands the picture files to where the pictures are made, and names them in the requests; with
    /// --request and --like these are the files that the requests already name.
    func addPictures(
        to requests: [GenerationRequest], at source: any PictureSource
    ) async throws -> [GenerationRequest] {
        var requests = requests
        for (path, field) in [
            (seedImage, \GenerationRequest.seedImage), (maskImage, \GenerationRequest.maskImage),
        ] {
            guard let path else { continue }
            let file: [UInt8]
            do {
                file = try Files.read(path)
            } catch {
                throw UsageError("\(error)")
            }
            let name = try await source.add(picture: file)
            for index in requests.indices { requests[index][keyPath: field] = name }
        }
        return requests
    }

    private var requestFromFlags: GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = prompt
        request.negativePrompt = negativePrompt
        request.model = model
        request.vae = vae
        request.scheduler = scheduler
        request.steps = steps
        request.seed = seed
        request.cfgScale = cfgScale
        request.width = width
        request.height = height
        request.numberResults = count
        request.clipSkip = clipSkip
        request.promptWeighting = promptWeighting
        request.guidanceRescale = guidanceRescale
        request.embeddings = embedding.map(Self.weighted).map {
            .init(model: $0.model, weight: $0.weight)
        }
        request.eta = eta
        request.handoffHistory = handoffHistory
        request.strength = strength
        request.priority = priority
        request.deadlineMilliseconds = deadline.map { Int(($0 * 1000).rounded()) }
        request.requestID = requestID
        request.pauseAt = pauseAt?.point
        request.previewEvery = previewEvery
        request.previewSide = previewSide
        if refiner != nil || refinerStartStep != nil || refinerStartPercentage != nil {
            var handoff = GenerationRequest.Refiner()
            handoff.model = refiner
            handoff.startStep = refinerStartStep
            handoff.startStepPercentage = refinerStartPercentage
            request.refiner = handoff
        }
        request.loras = lora.map(Self.weighted).map { .init(model: $0.model, weight: $0.weight) }
        return request
    }

    /// `NAME` or `NAME:WEIGHT`. A name may have colons in it, as `civitai:101055@128078` has.
    private static func weighted(_ text: String) -> (model: String, weight: Double?) {
        guard let colon = text.lastIndex(of: ":"),
            let weight = Double(text[text.index(after: colon)...])
        else { return (text, nil) }
        return (String(text[..<colon]), weight)
    }
}
