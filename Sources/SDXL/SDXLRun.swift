internal import Diffusion
internal import Generation
internal import Tensors
internal import Weights

/// How a run ends a picture.
struct RunEnding {
    /// All of the steps where there is no refiner.
    let baseSteps: Int
    /// Which of the run's.
    let refiner: Int?
}

/// One job's computation: texts once, and the picture to start from if there is one; then for each
/// image the base's steps, a refiner's on the same latents, and the decoding. With several endings the
/// base's state is kept at each handoff, and the next image goes on from it.
final class SDXLRun: GenerationRun {
    private enum Stage {
        case encodeTexts
        case encodePicture(GenerationJob.ImageInput)
        case step(image: Int, index: Int)
        case decode(image: Int)
        case finished
    }

    private let plan: GenerationPlan
    /// Nil when a refiner finishes a picture by itself.
    private let base: (Expert, ExpertPrompt)?
    private let refiners: [(Expert, ExpertPrompt)]
    /// Of each seed, in the order in which they are made: the base's steps never become fewer.
    private let endings: [RunEnding]
    private let imageInput: GenerationJob.ImageInput?
    private let algorithm: SamplerAlgorithm
    private let schedule: Schedule
    private let eta: Double?
    private let resetsHistoryAtHandoff: Bool
    private let previews: GenerationJob.Previews?
    private let noise: (_ image: Int) -> any NoiseSource
    private let resumption: RunCheckpoint?
    private let pool: ComputePool
    private let trace: TraceRecorder?
    private let filesChanged: () -> Void

    private var stage = Stage.encodeTexts
    private var baseEncoding: PromptEncoding?
    private var refinerEncodings: [PromptEncoding] = []
    private var pictureEncoding: PictureEncoding?
    private var denoiser: Denoiser?
    /// The base at the handoff of the image under way, where the next image of the same seed begins.
    private var trunk: Denoiser?
    /// Of the image under way, once the refiner has taken over.
    private var handoffDigest: [UInt8]?
    /// Steps of the image under way that were run before some were left out.
    private var stepsBeforeCut: Int?
    /// The image under way is the last.
    private var isCutShort = false

    /// - Parameters:
    ///   - base: nil when a refiner finishes a picture by itself.
    ///   - endings: in the order of the plan's.
    ///   - schedule: the whole one; with `imageInput` the plan may hold only its last steps.
    ///   - eta: of the samplers that take one; nil is their usual.
    ///   - resetsHistoryAtHandoff: whether a multistep sampler forgets the base's predictions, as two
    ///     diffusers pipelines do, or goes on with them.
    ///   - previews: whether ``sketch()`` will be asked for, and how large they are.
    ///   - noise: each image's own stream, in torch's order of draws.
    ///   - checkpoint: of an earlier run, to go on from.
    ///   - filesChanged: called when a model file is found to be another than was opened.
    init(
        plan: GenerationPlan, base: (Expert, ExpertPrompt)?, refiners: [(Expert, ExpertPrompt)],
        endings: [RunEnding], imageInput: GenerationJob.ImageInput? = nil,
        algorithm: SamplerAlgorithm,
        schedule: Schedule, eta: Double? = nil, resetsHistoryAtHandoff: Bool = false,
        previews: GenerationJob.Previews? = nil,
        noise: @escaping (_ image: Int) -> any NoiseSource,
        from checkpoint: GenerationCheckpoint? = nil, pool: ComputePool,
        trace: TraceRecorder?, filesChanged: @escaping () -> Void = {}
    ) throws(GenerationError) {
        precondition(base != nil || !refiners.isEmpty, "a run has an expert")
        self.plan = plan
        self.base = base
        self.refiners = refiners
        self.endings = endings
        self.imageInput = imageInput
        self.algorithm = algorithm
        self.schedule = schedule
        self.eta = eta
        self.resetsHistoryAtHandoff = resetsHistoryAtHandoff
        self.previews = previews
        self.noise = noise
        resumption = try checkpoint.map { checkpoint throws(GenerationError) in
            try RunCheckpoint(checkpoint, plan)
        }
        self.pool = pool
        self.trace = trace
        self.filesChanged = filesChanged
    }

    /// Of the executed steps.
    private var stepCount: Int { plan.stepCount }

    /// Whose VAE serves the whole job.
    private var first: Expert? { (base ?? refiners.first)?.0 }

    private func ending(of image: Int) -> RunEnding { endings[image % endings.count] }

    /// Another image goes on from where the base stands.
    private func isShared(_ image: Int) -> Bool { (image + 1) % endings.count > 0 && !isCutShort }

    var nextPhase: Phase? {
        switch stage {
        case .encodeTexts: .textEncoding
        case .encodePicture: .imageEncoding
        case .step(let image, let index): index < ending(of: image).baseSteps ? .base : .refiner
        case .decode: .decoding
        case .finished: nil
        }
    }

    func advance() throws(GenerationError) -> GenerationUpdate {
        let update = Result { () throws(GenerationError) in try advanceUnchecked() }
        // Weights that were lost explain whatever else went wrong.
        try checkFiles()
        return try update.get()
    }

    /// Nothing leaves this run that was computed with other bytes than were opened.
    private func checkFiles() throws(GenerationError) {
        do {
            let files = ([base].compactMap(\.self) + refiners).flatMap { expert, prompt in
                expert.files + prompt.learned.files
            }
            for file in files {
                try file.checkUnchanged()
            }
        } catch {
            filesChanged()
            throw GenerationError(
                .dataLoss, code: "modelChanged",
                "The picture cannot be finished: the model file \(error). Send the request again "
                    + "once the file is in order.", retryable: true)
        }
    }

    private func advanceUnchecked() throws(GenerationError) -> GenerationUpdate {
        try pool.withCompute { compute throws(GenerationError) in
            switch stage {
            case .encodeTexts:
                encodeTexts(compute)
                if let imageInput {
                    stage = .encodePicture(imageInput)
                } else {
                    stage = try firstStep()
                }
                return .textEncoded
            case .encodePicture(let input):
                pictureEncoding = try encodePicture(input, compute)
                stage = try firstStep()
                return .imageEncoded
            case .step(let image, let index):
                let report = try step(image: image, index: index, compute)
                stage =
                    index + 1 < stepCount
                    ? .step(image: image, index: index + 1) : .decode(image: image)
                return .step(report)
            case .decode(let image):
                let decoded = try decode(image: image, compute)
                let isLast = image + 1 == plan.imageCount || isCutShort
                // There may be no work for long.
                if isLast { compute.arena.trim(all: true) }
                stage = isLast ? .finished : beginning(of: image + 1)
                return .image(decoded)
            case .finished:
                preconditionFailure("advance() is not called once nextPhase is nil")
            }
        }
    }

    func skip(to target: SkipTarget) -> SkipReport? {
        switch stage {
        case .encodeTexts, .encodePicture: return nil
        case .finished: return SkipReport(step: stepCount)
        case .decode:
            isCutShort = true
            return SkipReport(step: stepCount)
        case .step(let image, let index):
            guard index > 0, let denoiser else { return nil }
            isCutShort = true
            // Without a refiner there is nothing to skip to but the end.
            let goal = target == .decoding ? stepCount : max(index, ending(of: image).baseSteps)
            guard goal > index else { return SkipReport(step: index) }
            stepsBeforeCut = stepsBeforeCut ?? index
            denoiser.leap(to: schedule.stepCount - stepCount + goal)
            stage = goal < stepCount ? .step(image: image, index: goal) : .decode(image: image)
            guard goal < stepCount else { return SkipReport(step: goal) }
            return SkipReport(step: goal, handoffLatentsSHA256: handOff(denoiser))
        }
    }

    func preview() throws(GenerationError) -> DecodedImage {
        guard case .step(let image, let index) = stage, index > 0, let denoiser else {
            preconditionFailure("a preview is asked for between two steps of an image")
        }
        let result = Result { () throws(GenerationError) in
            try pool.withCompute { compute throws(GenerationError) in
                let ahead = denoiser.fork()
                ahead.leap(to: schedule.stepCount)
                var preview = try decode(ahead, image: image, compute)
                preview.stepsBeforeCut = index
                return preview
            }
        }
        try checkFiles()
        return try result.get()
    }

    func sketch() -> (@Sendable () -> Picture)? {
        guard let previews, let denoiser, let latents = denoiser.foreseen(),
            let colours = first?.decoder?.colours.fitted
        else { return nil }
        let sketch = LatentSketch(
            latents: latents, height: denoiser.height, width: denoiser.width, colours: colours)
        return { sketch.drawn(longestSide: previews.side) }
    }

    func checkpoint() -> GenerationCheckpoint? {
        switch stage {
        case .encodeTexts, .encodePicture: resumption?.checkpoint
        case .step(let image, let index): checkpoint(image: image, step: index)
        case .decode(let image): checkpoint(image: image, step: stepCount)
        case .finished: nil
        }
    }

    private func checkpoint(image: Int, step: Int) -> GenerationCheckpoint? {
        guard step > 0, let denoiser else {
            return image > 0 ? GenerationCheckpoint(imageIndex: image, step: 0, state: []) : nil
        }
        return RunCheckpoint.make(
            image: image, step: step, handoffDigest: handoffDigest,
            stepsBeforeCut: stepsBeforeCut, denoiser: denoiser, trunk: trunk)
    }

    /// Where the steps begin: with the first image's noise, or where the earlier run stood.
    private func firstStep() throws(GenerationError) -> Stage {
        guard let resumption else { return .step(image: 0, index: 0) }
        let (image, step) = (resumption.checkpoint.imageIndex, resumption.checkpoint.step)
        guard step > 0 else { return .step(image: image, index: 0) }
        let denoiser = makeDenoiser(image: image)
        trunk = try resumption.restore(denoiser) { denoiser.fork() }
        self.denoiser = denoiser
        // A job that resumes another has told of no handoff yet.
        handoffDigest =
            plan.resumes?.step == step && step <= ending(of: image).baseSteps
            ? nil : resumption.handoffDigest
        stepsBeforeCut = resumption.stepsBeforeCut
        return step < stepCount ? .step(image: image, index: step) : .decode(image: image)
    }

    /// Where an image begins that is not the job's first.
    private func beginning(of image: Int) -> Stage {
        denoiser = trunk
        trunk = nil
        return .step(image: image, index: denoiser == nil ? 0 : plan.sharedSteps(ofImage: image))
    }

    private func makeDenoiser(image: Int) -> Denoiser {
        Denoiser(
            algorithm: algorithm, schedule: schedule, eta: eta,
            firstStep: schedule.stepCount - stepCount, picture: pictureEncoding,
            noise: noise(image / endings.count), height: plan.size.height / 8,
            width: plan.size.width / 8, isWatched: previews != nil, trace: trace)
    }

    private func encodeTexts(_ compute: Compute) {
        trace?.schedule(timesteps: plan.timesteps, sigmas: plan.sigmas)
        func encode(_ expert: Expert, _ prompt: ExpertPrompt) -> PromptEncoding {
            let encoding = expert.encode(prompt, compute, trace: trace)
            encoding.prepare(for: expert.unet, compute)
            return encoding
        }
        baseEncoding = base.map(encode)
        refinerEncodings = refiners.map(encode)
        // Here, so that no step waits for it.
        if previews != nil, let decoder = first?.decoder { decoder.fitColours(compute) }
    }

    private func encodePicture(
        _ input: GenerationJob.ImageInput, _ compute: Compute
    ) throws(GenerationError) -> PictureEncoding {
        guard let encoding = first?.encode(input, compute, trace: trace) else {
            preconditionFailure("a run has an expert")
        }
        guard (encoding.mean + encoding.deviation).allSatisfy(\.isFinite) else {
            throw GenerationError(
                .internal, code: "inferenceError",
                "the VAE encoded the seed picture to latents that are not finite: the model file is "
                    + "damaged; check its checksum")
        }
        return encoding
    }

    /// - Parameter index: among the executed steps.
    private func step(
        image: Int, index: Int, _ compute: Compute
    ) throws(GenerationError) -> StepReport {
        let ending = ending(of: image)
        let isRefiner = index >= ending.baseSteps
        guard let (expert, _) = isRefiner ? ending.refiner.map({ refiners[$0] }) : base,
            let prompt = isRefiner ? ending.refiner.map({ refinerEncodings[$0] }) : baseEncoding
        else {
            preconditionFailure("a plan with refiner steps comes with a refiner")
        }
        if index == 0 {
            trace?.beginImage()
            denoiser = makeDenoiser(image: image)
        }
        guard let denoiser else {
            preconditionFailure("steps follow in order, or a restored denoiser")
        }
        var digest: [UInt8]?
        if isRefiner, index == ending.baseSteps {
            if isShared(image) { trunk = denoiser.fork() }
            // No base step of this image has told it.
            if index > 0, handoffDigest == nil { digest = handOff(denoiser) }
            if resetsHistoryAtHandoff { denoiser.resetHistory() }
        }
        let evaluations = denoiser.step(
            expert.unet, prompt, compute, trace: trace, isRefiner: isRefiner)
        let latents = denoiser.latents
        guard latents.allSatisfy(\.isFinite) else {
            throw GenerationError(
                .internal, code: "inferenceError",
                """
                the latents stopped being finite in \(isRefiner ? "refiner" : "base") step \
                \(index + 1) of \(stepCount): the model file is damaged, or its weights \
                overflow; check the file's checksum
                """)
        }
        if index + 1 == ending.baseSteps, ending.refiner != nil { digest = handOff(denoiser) }
        return StepReport(
            phase: isRefiner ? .refiner : .base, imageIndex: image, step: index + 1,
            timestep: plan.timesteps[index], sigma: plan.sigmas[index], evaluations: evaluations,
            handoffLatentsSHA256: digest)
    }

    /// - Returns: the digest of the latents that the refiner takes over.
    private func handOff(_ denoiser: Denoiser) -> [UInt8] {
        trace?.handoff(denoiser.latents)
        let digest = denoiser.latents.withUnsafeBytes { SHA256.digest(of: $0) }
        handoffDigest = digest
        return digest
    }

    private func decode(
        image: Int, _ compute: Compute
    ) throws(GenerationError) -> DecodedImage {
        guard let denoiser else { preconditionFailure("decoding follows the steps") }
        self.denoiser = nil
        defer { handoffDigest = nil }
        return try decode(denoiser, image: image, compute)
    }

    private func decode(
        _ denoiser: Denoiser, image: Int, _ compute: Compute
    ) throws(GenerationError) -> DecodedImage {
        guard let decoder = first?.decoder else {
            preconditionFailure("the plan saw that there is a decoder")
        }
        trace?.final(denoiser.latents)
        let pixels: [UInt8]? = compute.scoped {
            let latents = compute.activation(
                images: 1, height: denoiser.height, width: denoiser.width,
                channels: Denoiser.channels)
            for channel in 0..<Denoiser.channels {
                for token in 0..<latents.tokens {
                    latents.data[token * Denoiser.channels + channel] =
                        denoiser.latents[channel * latents.tokens + token]
                }
            }
            let decoded = decoder.decode(latents, compute)
            guard compute.allFinite(decoded) else { return nil }
            let pixels = compute.pixels(of: decoded)
            trace?.image(decoded, pixels: pixels)
            return pixels
        }
        guard let pixels else {
            throw GenerationError(
                .internal, code: "inferenceError",
                "the VAE decoded finite latents to a picture that is not: the model file is damaged"
            )
        }
        return DecodedImage(
            imageIndex: image, size: plan.size, seed: plan.seed(ofImage: image), pixels: pixels,
            latentsSHA256: denoiser.latents.withUnsafeBytes { SHA256.digest(of: $0) },
            handoffLatentsSHA256: handoffDigest, stepsBeforeCut: stepsBeforeCut)
    }
}
