extension GenerationJob {
    /// Checks a request and fills in its defaults.
    ///
    /// - Parameters:
    ///   - models: what the generator has; names and aliases are looked up here.
    ///   - limits: the server's.
    ///   - pictures: those that requests may name.
    /// - Throws: INVALID_ARGUMENT for a value, or values that do not go together; NOT_FOUND for a
    ///   model or picture that is not there; FAILED_PRECONDITION for one that cannot do what is asked of it.
    public init(
        _ request: GenerationRequest, models: [ModelDescription],
        limits: GenerationLimits = GenerationLimits(), pictures: PictureLookup = { _ in nil }
    ) throws(GenerationError) {
        for parameter in Parameter.all { try parameter.check(request) }
        guard request.branches.isEmpty else {
            self = try GenerationJob(
                branchesOf: request, models: models, limits: limits, pictures: pictures)
            return
        }
        try Self.checkNegatives(request)
        let prompt = try Self.required(
            "positivePrompt", request.positivePrompt,
            "Describe the picture in 2 to 3000 characters, or send \(Parameter.blankPrompt).")
        let steps = request.steps ?? Parameter.Default.steps
        let catalogue = ModelCatalogue(models)
        let model = try catalogue.first(
            request.model, default: limits.defaultModel, withRefiner: request.refiner != nil,
            onPicture: request.seedImage.nonEmpty != nil)
        var minimumSide = model.minimumSide
        cfgScale = request.cfgScale ?? Parameter.Default.cfgScale
        positivePrompt = Self.text(prompt)
        negativePrompt = request.negativePrompt.map(Self.text)
        if let asked = request.refiner {
            let name = try Self.required(
                "refiner.model", asked.model, "Name an SDXL refiner from the list of models.")
            let model = try catalogue.refiner(name)
            minimumSide = max(minimumSide, model.minimumSide)
            refiner = Refiner(
                model: model.id,
                start: try HandoffUnit(asked, steps: steps),
                cfgScale: asked.cfgScale ?? cfgScale,
                positivePrompt: asked.positivePrompt.map(Self.text) ?? positivePrompt,
                negativePrompt: asked.negativePrompt.map(Self.text) ?? negativePrompt,
                aestheticScore: asked.aestheticScore ?? Parameter.Default.aestheticScore,
                negativeAestheticScore: asked.negativeAestheticScore
                    ?? Parameter.Default.negativeAestheticScore)
        } else {
            refiner = nil
        }
        branches = []
        loras = try catalogue.loras(of: request)

        requestID = request.requestID.nonEmpty ?? Self.makeRequestID()
        positivePrompt2 = request.positivePrompt2.nonEmpty.map(Self.text)
        negativePrompt2 = request.negativePrompt2.nonEmpty.map(Self.text)
        self.model = model.id
        imageInput = try ImageInput(request, pictures: pictures)
        let asked =
            if let imageInput {
                try imageInput.checkedSize(request)
            } else {
                try Self.size(request, model: model)
            }
        size = try Self.checked(asked, model: model, minimumSide: minimumSide, limits: limits)
        self.steps = steps
        vae = try catalogue.vae(request.vae)?.id
        scheduler = request.scheduler.nonEmpty ?? Parameter.Default.scheduler
        seeds = try Self.seeds(request)
        originalSize = request.originalSize
        cropTopLeft = request.cropTopLeft ?? ImagePoint(top: 0, left: 0)
        targetSize = request.targetSize
        negativeOriginalSize = request.negativeOriginalSize
        negativeCropTopLeft = request.negativeCropTopLeft ?? ImagePoint(top: 0, left: 0)
        negativeTargetSize = request.negativeTargetSize
        clipSkip = request.clipSkip ?? 0
        promptWeighting = request.promptWeighting.flatMap(PromptWeighting.init)
        embeddings = try catalogue.embeddings(request.embeddings)
        guidanceRescale = request.guidanceRescale ?? 0
        eta = request.eta
        handoffHistory = request.handoffHistory.flatMap(HandoffHistory.init) ?? .keep
        priority = request.priority ?? 0
        deadline = request.deadlineMilliseconds.map { .milliseconds($0) }
        isDetached = request.detach ?? false
        pauseAt = request.pauseAt
        previews = try Self.previews(request)
        try checkHistory()
        try checkPause()
    }

    private func checkHistory() throws(GenerationError) {
        guard handoffHistory != .keep, refiner == nil else { return }
        throw GenerationError(
            .invalidArgument, code: "incompatibleParameters",
            "handoffHistory is \(handoffHistory.rawValue), and without a refiner there is no handoff. "
                + "Give a refiner too, or leave handoffHistory out.",
            fields: ["handoffHistory", "refiner"])
    }

    private static func previews(
        _ request: GenerationRequest
    ) throws(GenerationError) -> Previews? {
        guard let interval = request.previewEvery else {
            guard request.previewSide == nil else {
                throw GenerationError(
                    .invalidArgument, code: "incompatibleParameters",
                    "previewSide is given without previewEvery, and then there are no previews. Give "
                        + "previewEvery too, such as 1 for one after each step, or leave previewSide out.",
                    fields: ["previewSide", "previewEvery"])
            }
            return nil
        }
        return Previews(interval: interval, side: request.previewSide)
    }

    private func checkPause() throws(GenerationError) {
        guard let pauseAt else { return }
        guard seeds.count == 1 else {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "pauseAt is for one picture, and numberResults is \(seeds.count): send a request for "
                    + "each seed.",
                fields: ["pauseAt", "numberResults"])
        }
        guard pauseAt != .handoff || refiner != nil else {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "pauseAt is handoff, and without a refiner there is none: give a step, or a refiner. "
                    + "ResumeJob may name a refiner all the same.",
                fields: ["pauseAt", "refiner"])
        }
    }

    private static func required(
        _ name: String, _ value: String?, _ advice: String
    ) throws(GenerationError) -> String {
        guard let value = value.nonEmpty else {
            throw .invalid(
                name, code: Parameter.named(name).missingCode, "\(name) is missing. \(advice)")
        }
        return value
    }

    private static func text(_ prompt: String) -> String {
        prompt == Parameter.blankPrompt ? "" : prompt
    }

    /// A version 4 UUID (RFC 9562, section 5.4).
    static func makeRequestID() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let dashes: Set = [4, 6, 8, 10]
        return bytes.enumerated().map { index, byte in
            (dashes.contains(index) ? "-" : "") + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private static func checkNegatives(_ request: GenerationRequest) throws(GenerationError) {
        if request.negativePrompt2.nonEmpty != nil, request.negativePrompt == nil {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "negativePrompt2 is given without negativePrompt, and without that the negative "
                    + "conditioning is zeros. Give negativePrompt too; it may be empty.",
                fields: ["negativePrompt2", "negativePrompt"])
        }
        if (request.negativeOriginalSize == nil) != (request.negativeTargetSize == nil) {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "negativeOriginalSize and negativeTargetSize work only together. Give both or neither.",
                fields: ["negativeOriginalSize", "negativeTargetSize"])
        }
    }

    static func makeSeed() -> Int64 { .random(in: 1...Int64(UInt32.max)) }

    private static func seeds(_ request: GenerationRequest) throws(GenerationError) -> [Int64] {
        let count = request.numberResults ?? Parameter.Default.numberResults
        let first = request.seed ?? makeSeed()
        guard first <= Int64.max - Int64(count - 1) else {
            throw GenerationError(
                .invalidArgument, code: Parameter.named("seed").code,
                "seed \(first) leaves no room for \(count) images, whose seeds count up from it: "
                    + "take at most \(Int64.max - Int64(count - 1)).",
                fields: ["seed", "numberResults"])
        }
        return (0..<Int64(count)).map { first + $0 }
    }

    private static func size(
        _ request: GenerationRequest, model: ModelDescription
    ) throws(GenerationError) -> ImageSize {
        switch (request.width, request.height) {
        case (nil, nil): return model.defaultSize
        case (let width?, let height?): return ImageSize(height: height, width: width)
        case (nil, _): throw missingSide("width", other: "height", model: model)
        case (_, nil): throw missingSide("height", other: "width", model: model)
        }
    }

    private static func checked(
        _ size: ImageSize, model: ModelDescription, minimumSide: Int, limits: GenerationLimits
    ) throws(GenerationError) -> ImageSize {
        let range = minimumSide...max(minimumSide, limits.sideMaximum)
        for (name, side) in [("width", size.width), ("height", size.height)]
        where side % 8 != 0 || !range.contains(side) {
            throw .invalid(
                name, code: Parameter.named(name).code,
                "\(name) is \(side): model \(quoted(model.id)) takes multiples of 8 from "
                    + "\(range.lowerBound) to \(range.upperBound) here.")
        }
        guard size.width * size.height <= limits.pixelMaximum else {
            throw GenerationError(
                .invalidArgument, code: "invalidSize",
                "\(size.width) x \(size.height) is \(size.width * size.height) pixels, and this "
                    + "server makes at most \(limits.pixelMaximum), so that every PNG fits a frame of "
                    + "\(GenerationLimits.frameByteLimit) bytes. At this width take a height of at "
                    + "most \(limits.pixelMaximum / size.width / 8 * 8).",
                fields: ["width", "height"])
        }
        return size
    }

    private static func missingSide(
        _ name: String, other: String, model: ModelDescription
    ) -> GenerationError {
        let size = model.defaultSize
        return GenerationError(
            .invalidArgument, code: Parameter.named(name).missingCode,
            "\(other) is given without \(name). Give both, or neither for the model's own "
                + "\(size.width) x \(size.height).",
            fields: [name, other])
    }
}

extension GenerationJob.HandoffUnit {
    /// Exactly one of the four start fields, and a place that leaves both experts a step.
    fileprivate init(
        _ refiner: GenerationRequest.Refiner, steps: Int
    ) throws(GenerationError) {
        let given: [(name: String, unit: Self)] = [
            refiner.startStep.map { ("refiner.startStep", .step($0)) },
            refiner.startStepPercentage.map { ("refiner.startStepPercentage", .percentage($0)) },
            refiner.startTimestep.map { ("refiner.startTimestep", .timestep($0)) },
            refiner.startSigma.map { ("refiner.startSigma", .sigma($0)) },
        ].compactMap { $0 }
        guard let first = given.first else {
            throw GenerationError(
                .invalidArgument, code: "missingRefinerStart",
                "refiner does not say where it takes over. Give exactly one of startStep (2 to "
                    + "steps), startStepPercentage (1 to 99), startTimestep or startSigma; the last "
                    + "10 to 20 % are usual, such as startStepPercentage 80.",
                fields: [
                    "refiner.startStep", "refiner.startStepPercentage", "refiner.startTimestep",
                    "refiner.startSigma",
                ])
        }
        guard given.count == 1 else {
            let names = given.map(\.name)
            throw GenerationError(
                .invalidArgument, code: "conflictRefinerStart",
                "\(names.joined(separator: " and ")) both say where the refiner takes over. "
                    + "Give exactly one of them.",
                fields: names)
        }
        guard steps >= 2 else {
            throw GenerationError(
                .invalidArgument, code: Parameter.named("steps").code,
                "steps is \(steps), and a refiner needs one step for each expert: take at least 2 "
                    + "(20 or more is usual), or leave the refiner out.",
                fields: ["steps", "refiner"])
        }
        if case .step(let step) = first.unit, step > steps {
            throw GenerationError(
                .invalidArgument, code: Parameter.named(first.name).code,
                "refiner.startStep is \(step): it must be from 2 to steps, which is \(steps). "
                    + "The refiner runs that step and all later ones.",
                fields: ["refiner.startStep", "steps"])
        }
        self = first.unit
    }
}
