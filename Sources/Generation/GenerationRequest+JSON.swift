extension GenerationRequest {
    /// The request that makes one image of a job again: every value that the job resolved is said, the
    /// caller's name for the job is not.
    public init(repeating job: GenerationJob, seed: Int64) {
        self.init(resolving: job)
        requestID = nil
        self.seed = seed
        numberResults = 1
        (priority, deadlineMilliseconds, detach, pauseAt) = (nil, nil, nil, nil)
        (previewEvery, previewSide) = (nil, nil)
    }

    /// The request that gives the same job again, its name too: every value that it resolved is said.
    public init(resolving job: GenerationJob) {
        requestID = job.requestID
        positivePrompt = job.positivePrompt
        negativePrompt = job.negativePrompt
        positivePrompt2 = job.positivePrompt2
        negativePrompt2 = job.negativePrompt2
        model = job.model
        vae = job.vae
        width = job.size.width
        height = job.size.height
        steps = job.steps
        scheduler = job.scheduler
        seed = job.seeds.first
        cfgScale = job.cfgScale
        numberResults = job.seeds.count
        originalSize = job.originalSize
        cropTopLeft = job.cropTopLeft
        targetSize = job.targetSize
        negativeOriginalSize = job.negativeOriginalSize
        negativeCropTopLeft = job.negativeCropTopLeft
        negativeTargetSize = job.negativeTargetSize
        clipSkip = job.clipSkip
        promptWeighting = job.promptWeighting?.rawValue
        guidanceRescale = job.guidanceRescale
        embeddings = job.embeddings.map { Embedding(model: $0.model, weight: $0.weight) }
        eta = job.eta
        handoffHistory = job.handoffHistory.rawValue
        seedImage = job.imageInput?.seedImageName
        maskImage = job.imageInput?.maskImageName
        strength = job.imageInput?.strength
        loras = job.loras.map { LoRA(model: $0.model, weight: $0.weight, applyTo: $0.applyTo) }
        priority = job.priority == 0 ? nil : job.priority
        deadlineMilliseconds = job.deadline.map { Int($0 / .milliseconds(1)) }
        detach = job.isDetached ? true : nil
        pauseAt = job.pauseAt
        previewEvery = job.previews?.interval
        previewSide = job.previews?.side
        branches = job.branches.map { Branch(refiner: $0.refiner.map(Refiner.init)) }
        refiner = job.refiner.map(Refiner.init)
    }

    /// The contract's JSON for it, as ``RequestReader`` reads it: what is absent is left out.
    public var json: JSONText {
        var all = members { !$0.hasPrefix(Self.refinerPrefix) }
        all.append(("refiner", refinerJSON))
        return .object(all)
    }

    private static let refinerPrefix = "refiner."

    private var refinerJSON: JSONText? {
        refiner == nil ? nil : .object(members { $0.hasPrefix(Self.refinerPrefix) })
    }

    private func members(_ areWanted: (String) -> Bool) -> [(key: String, value: JSONText?)] {
        Parameter.all.filter { areWanted($0.name) }.map { ($0.key, $0.json(in: self)) }
    }

    fileprivate static func json(_ branch: Branch) -> JSONText {
        var request = GenerationRequest()
        request.refiner = branch.refiner
        return .object(["refiner": request.refinerJSON])
    }
}

extension GenerationRequest.Refiner {
    /// The one that gives the same again: every value is said.
    fileprivate init(_ resolved: GenerationJob.Refiner) {
        self.init()
        model = resolved.model
        switch resolved.start {
        case .step(let step): startStep = step
        case .percentage(let percentage): startStepPercentage = percentage
        case .timestep(let timestep): startTimestep = timestep
        case .sigma(let sigma): startSigma = sigma
        }
        cfgScale = resolved.cfgScale
        positivePrompt = resolved.positivePrompt
        negativePrompt = resolved.negativePrompt
        aestheticScore = resolved.aestheticScore
        negativeAestheticScore = resolved.negativeAestheticScore
    }
}

extension Parameter {
    /// Its value in a request; nil where it is absent.
    fileprivate func json(in request: GenerationRequest) -> JSONText? {
        switch kind {
        case .prompt(let field, _):
            // An empty text is not an absent one.
            request[keyPath: field].map { JSONText($0.isEmpty ? Self.blankPrompt : $0) }
        case .embeddings:
            request.embeddings.isEmpty
                ? nil
                : .array(
                    request.embeddings.map {
                        .object([
                            "model": $0.model.map { JSONText($0) },
                            "weight": $0.weight.map { JSONText($0) },
                        ])
                    })
        case .name(let field, _), .choice(let field, _), .picture(let field):
            request[keyPath: field].map { JSONText($0) }
        case .integer(let field, _), .side(let field):
            request[keyPath: field].map { JSONText($0) }
        case .seed(let field, _):
            request[keyPath: field].map { JSONText($0) }
        case .flag(let field):
            request[keyPath: field].map { JSONText($0) }
        case .number(let field, _):
            request[keyPath: field].map { JSONText($0) }
        case .size(let field, _):
            request[keyPath: field].map {
                .object(["height": JSONText($0.height), "width": JSONText($0.width)])
            }
        case .point(let field, _):
            request[keyPath: field].map {
                .object(["top": JSONText($0.top), "left": JSONText($0.left)])
            }
        case .pause(let field, _):
            request[keyPath: field].map(Self.json)
        case .branches:
            request.branches.isEmpty ? nil : .array(request.branches.map(GenerationRequest.json))
        case .loras:
            request.loras.isEmpty ? nil : .array(request.loras.map(Self.json))
        }
    }
}
