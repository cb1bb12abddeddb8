extension GenerationRequest {
    /// The request that makes one image of a job again: every value that the job resolved is said, the
    /// caller's name for the job is not.
    public init(repeating job: GenerationJob, seed: Int64) {
        self.init(resolving: job)
        requestID = nil
        self.seed = seed
        numberResults = 1
        (priority, deadlineMilliseconds, detach) = (nil, nil, nil)
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
        guard let asked = job.refiner else { return }
        var refiner = Refiner()
        refiner.model = asked.model
        switch asked.start {
        case .step(let step): refiner.startStep = step
        case .percentage(let percentage): refiner.startStepPercentage = percentage
        case .timestep(let timestep): refiner.startTimestep = timestep
        case .sigma(let sigma): refiner.startSigma = sigma
        }
        refiner.cfgScale = asked.cfgScale
        refiner.positivePrompt = asked.positivePrompt
        refiner.negativePrompt = asked.negativePrompt
        refiner.aestheticScore = asked.aestheticScore
        refiner.negativeAestheticScore = asked.negativeAestheticScore
        self.refiner = refiner
    }

    /// The contract's JSON for it, as ``RequestReader`` reads it: what is absent is left out.
    public var json: JSONText {
        func members(_ parameters: [Parameter]) -> [(key: String, value: JSONText?)] {
            parameters.map { ($0.key, $0.json(in: self)) }
        }
        let refinerPrefix = "refiner."
        var all = members(Parameter.all.filter { !$0.name.hasPrefix(refinerPrefix) })
        if refiner != nil {
            let inner = members(Parameter.all.filter { $0.name.hasPrefix(refinerPrefix) })
            all.append(("refiner", .object(inner)))
        }
        return .object(all)
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
        case .loras:
            request.loras.isEmpty ? nil : .array(request.loras.map(Self.json))
        }
    }
}
