import Generation
import Testing

/// A request that must be refused, with what the refusal must say.
struct Refusal: Sendable, CustomTestStringConvertible {
    var request: GenerationRequest
    var status: StatusCode
    var code: String
    var fields: [String]
    /// Words of the message.
    var says: [String]

    init(
        _ request: GenerationRequest, _ code: String, _ fields: [String], says: [String] = [],
        status: StatusCode = .invalidArgument
    ) {
        self.request = request
        self.status = status
        self.code = code
        self.fields = fields
        self.says = says
    }

    var testDescription: String { "\(code) \(fields) \(says)" }
}

private func sized(_ width: Int?, _ height: Int?, model: String = "sdxl") -> GenerationRequest {
    request {
        $0.model = model
        $0.width = width
        $0.height = height
    }
}

private let prompts: [Refusal] = [
    Refusal(request { $0.positivePrompt = nil }, "missingPositivePrompt", ["positivePrompt"]),
    Refusal(
        request { $0.positivePrompt = "" }, "missingPositivePrompt", ["positivePrompt"],
        says: ["2 to 3000", "__BLANK__"]),
    Refusal(
        request { $0.positivePrompt = "a" }, "invalidPositivePromptLength", ["positivePrompt"],
        says: ["1 characters", "2 to 3000", "__BLANK__"]),
    Refusal(
        request { $0.positivePrompt = String(repeating: "a", count: 3001) },
        "invalidPositivePromptLength", ["positivePrompt"], says: ["3001"]),
    // One grapheme, many scalars: the limit holds all the same.
    Refusal(
        request { $0.positivePrompt = "e" + String(repeating: "\u{301}", count: 3000) },
        "invalidPositivePromptLength", ["positivePrompt"], says: ["3001"]),
    Refusal(
        request { $0.positivePrompt = "ab\0" }, "invalidPositivePrompt", ["positivePrompt"],
        says: ["NUL", "character 3"]),
    Refusal(
        request { $0.negativePrompt = String(repeating: "a", count: 3001) },
        "invalidNegativePromptLength", ["negativePrompt"]),
    Refusal(
        request { $0.negativePrompt2 = "dull" }, "incompatibleParameters",
        ["negativePrompt2", "negativePrompt"]),
    Refusal(
        refined { $0.positivePrompt = "" }, "invalidRefinerPositivePromptLength",
        ["refiner.positivePrompt"]),
    Refusal(
        request { $0.requestID = "a\nb" }, "invalidTaskUUID", ["taskUUID"], says: ["'a\\nb'"]),
    Refusal(
        request { $0.requestID = String(repeating: "a", count: 129) }, "invalidTaskUUID",
        ["taskUUID"], says: ["128"]),
    Refusal(
        request { $0.scheduler = String(repeating: "a", count: 65) }, "invalidScheduler",
        ["scheduler"]),
    Refusal(request { $0.clipSkip = 3 }, "invalidClipSkip", ["clipSkip"], says: ["0 to 2"]),
    Refusal(request { $0.guidanceRescale = 1.1 }, "invalidGuidanceRescale", ["guidanceRescale"]),
    Refusal(request { $0.eta = -.ulpOfOne }, "invalidEta", ["eta"], says: ["0 to 1"]),
    Refusal(
        request { $0.vae = "sdxl" }, "invalidVae", ["vae"], says: ["SDXL base", "fp16-fix"],
        status: .failedPrecondition),
    Refusal(
        request { $0.vae = "fp16-fx" }, "modelNotFound", ["vae"], says: ["fp16-fix"],
        status: .notFound),
    Refusal(
        request { $0.model = "fp16-fix" }, "invalidModel", ["model"], says: ["under vae"],
        status: .failedPrecondition),
    Refusal(
        request { $0.embeddings = [GenerationRequest.Embedding(model: "x", weight: 4.1)] },
        "invalidEmbeddings", ["embeddings[0].weight"], says: ["4.1", "-4 to 4"]),
    Refusal(
        request { $0.embeddings = [GenerationRequest.Embedding()] }, "missingEmbeddings",
        ["embeddings[0].model"]),
    Refusal(
        request { $0.embeddings = Array(repeating: .init(model: "x"), count: 9) },
        "invalidEmbeddings", ["embeddings"], says: ["at most 8"]),
    Refusal(
        request { $0.promptWeighting = "Compel" }, "invalidPromptWeighting", ["promptWeighting"],
        says: ["'Compel'", "compel or sdEmbeds"]),
    Refusal(
        request { $0.handoffHistory = "reset" }, "invalidHandoffHistory", ["handoffHistory"],
        says: ["'reset'", "KEEP or RESET"]),
    Refusal(
        request { $0.handoffHistory = "RESET" }, "incompatibleParameters",
        ["handoffHistory", "refiner"]),
]

private let numbers: [Refusal] =
    [0, -1, 101, Int.max].map { (steps: Int) in
        Refusal(
            request { $0.steps = steps }, "invalidSteps", ["steps"], says: ["\(steps)", "1 to 100"])
    }
    + [Double.nan, .infinity, -.infinity, -0.1, 50.1].map { (scale: Double) in
        Refusal(
            request { $0.cfgScale = scale }, "invalidCFGScale", ["CFGScale"],
            says: ["\(scale)", "0 to 50"])
    }
    + [
        Refusal(request { $0.numberResults = 0 }, "invalidNumberResults", ["numberResults"]),
        Refusal(request { $0.numberResults = 21 }, "invalidNumberResults", ["numberResults"]),
        Refusal(request { $0.seed = -1 }, "invalidSeed", ["seed"]),
        Refusal(
            request {
                $0.seed = .max - 1
                $0.numberResults = 3
            }, "invalidSeed", ["seed", "numberResults"], says: ["\(Int64.max - 2)"]),
        Refusal(
            request { $0.originalSize = ImageSize(height: -1, width: 5) }, "invalidOriginalSize",
            ["originalSize.height"]),
        Refusal(
            request { $0.cropTopLeft = ImagePoint(top: 0, left: 16385) }, "invalidCropTopLeft",
            ["cropTopLeft.left"], says: ["16384"]),
        Refusal(
            request { $0.negativeOriginalSize = ImageSize(height: 1, width: 1) },
            "incompatibleParameters", ["negativeOriginalSize", "negativeTargetSize"]),
        Refusal(
            refined { $0.cfgScale = .nan }, "invalidRefinerCFGScale", ["refiner.CFGScale"],
            says: ["nan"]),
        Refusal(
            refined { $0.aestheticScore = 10.5 }, "invalidRefinerAestheticScore",
            ["refiner.aestheticScore"]),
        Refusal(
            refined { $0.negativeAestheticScore = .nan }, "invalidRefinerNegativeAestheticScore",
            ["refiner.negativeAestheticScore"]),
    ]

private let sizes: [Refusal] = [
    Refusal(sized(512, nil), "missingHeight", ["height", "width"], says: ["1024 x 1024"]),
    Refusal(sized(nil, 512), "missingWidth", ["width", "height"]),
    Refusal(sized(0, 512), "invalidWidth", ["width"]),
    Refusal(sized(512, -8), "invalidHeight", ["height"]),
    Refusal(sized(513, 512), "invalidWidth", ["width"], says: ["513", "multiple of 8"]),
    Refusal(sized(120, 512), "invalidWidth", ["width"], says: ["128 to 2048"]),
    Refusal(sized(8, 16, model: "tiny"), "invalidWidth", ["width"], says: ["16 to 2048"]),
    Refusal(sized(512, 2056), "invalidHeight", ["height"], says: ["2056", "2048"]),
    Refusal(sized(.max - 7, .max - 7), "invalidWidth", ["width"]),
    Refusal(
        sized(2048, 648), "invalidSize", ["width", "height"], says: ["1327104", "1310720", "640"]),
]

private let handoffs: [Refusal] = [
    Refusal(
        refined { $0.startStep = nil }, "missingRefinerStart",
        [
            "refiner.startStep", "refiner.startStepPercentage", "refiner.startTimestep",
            "refiner.startSigma",
        ]),
    Refusal(
        refined { $0.startStepPercentage = 80 }, "conflictRefinerStart",
        ["refiner.startStep", "refiner.startStepPercentage"]),
    Refusal(
        refined {
            $0.startStep = nil
            $0.startSigma = 1
            $0.startTimestep = 200
        }, "conflictRefinerStart", ["refiner.startTimestep", "refiner.startSigma"]),
    Refusal(refined { $0.startStep = 1 }, "invalidRefinerStartStep", ["refiner.startStep"]),
    Refusal(
        refined { $0.startStep = 21 }, "invalidRefinerStartStep", ["refiner.startStep", "steps"],
        says: ["21", "2 to steps, which is 20"]),
    Refusal(
        refined {
            $0.startStep = nil
            $0.startStepPercentage = 100
        }, "invalidRefinerStartStepPercentage", ["refiner.startStepPercentage"], says: ["1 to 99"]),
    Refusal(
        refined {
            $0.startStep = nil
            $0.startTimestep = 1000.5
        }, "invalidRefinerStartTimestep", ["refiner.startTimestep"]),
    Refusal(
        refined {
            $0.startStep = nil
            $0.startSigma = .nan
        }, "invalidRefinerStartSigma", ["refiner.startSigma"], says: ["nan"]),
    Refusal(
        request {
            $0.steps = 1
            $0.refiner = refined().refiner
            $0.refiner?.startStep = nil
            $0.refiner?.startStepPercentage = 50
        }, "invalidSteps", ["steps", "refiner"], says: ["at least 2"]),
]

private func adapted(_ loras: GenerationRequest.LoRA...) -> GenerationRequest {
    request { $0.loras = loras }
}

private let loras: [Refusal] = [
    Refusal(
        adapted(.init(model: "lora"), .init()), "missingLora", ["lora[1].model"],
        says: ["list of models"]),
    Refusal(adapted(.init(model: "")), "missingLora", ["lora[0].model"]),
    Refusal(adapted(.init(model: "a\u{7}")), "invalidLora", ["lora[0].model"], says: ["control"]),
    Refusal(
        adapted(.init(model: String(repeating: "a", count: 257))), "invalidLora",
        ["lora[0].model"], says: ["at most 256"]),
    Refusal(
        adapted(.init(model: "lora", weight: 4.001)), "invalidLora", ["lora[0].weight"],
        says: ["4.001", "from -4 to 4"]),
    Refusal(
        adapted(.init(model: "lora"), .init(model: "lora", weight: .nan)), "invalidLora",
        ["lora[1].weight"]),
    Refusal(
        request { $0.loras = Array(repeating: .init(model: "lora"), count: 9) }, "invalidLora",
        ["lora"], says: ["has 9 entries", "at most 8"]),
    Refusal(
        adapted(.init(model: "lora", applyTo: .both)), "incompatibleParameters",
        ["lora[0].applyTo", "refiner"], says: ["add a refiner"]),
    Refusal(
        adapted(.init(model: "lorra")), "modelNotFound", ["lora[0].model"],
        says: ["'lorra'", "Did you mean 'lora'?", "LoRA here: 'lora'."], status: .notFound),
    Refusal(
        adapted(.init(model: "sdxl")), "invalidLora", ["lora[0].model"],
        says: ["'sdxl' is SDXL base, not a LoRA"], status: .failedPrecondition),
    Refusal(
        adapted(.init(model: "flux")), "invalidLora", ["lora[0].model"],
        says: ["'flux' is FLUX, not a LoRA"], status: .failedPrecondition),
    Refusal(
        adapted(.init(model: "broken-lora")), "modelUnavailable", ["lora[0].model"],
        says: ["a pair is not complete", "LoRA here: 'lora'."], status: .failedPrecondition),
    Refusal(
        request { $0.model = "lora" }, "invalidModel", ["model"],
        says: ["is LoRA", "name it under lora"], status: .failedPrecondition),
    Refusal(
        refined { $0.model = "lora" }, "invalidRefinerModel", ["refiner.model"],
        says: ["'lora' is LoRA, not the SDXL refiner"], status: .failedPrecondition),
]

private func branched(
    _ starts: [Int?], _ change: (inout GenerationRequest) -> Void = { _ in }
) -> GenerationRequest {
    request {
        $0.refiner = GenerationRequest.Refiner()
        $0.refiner?.model = "sdxl-refiner"
        $0.branches = starts.map { start in
            guard let start else { return .init() }
            var refiner = GenerationRequest.Refiner()
            refiner.startStep = start
            return .init(refiner: refiner)
        }
        change(&$0)
    }
}

private let branches: [Refusal] = [
    Refusal(
        branched([nil] + Array(2...17)), "invalidBranches", ["branches"],
        says: ["17 entries", "at most 16"]),
    Refusal(
        branched(Array(2...8)) { $0.numberResults = 10 }, "invalidBranches",
        ["branches", "numberResults"], says: ["70 pictures", "at most 64"]),
    Refusal(
        branched([nil, 21]), "invalidRefinerStartStep",
        ["branches[1].refiner.startStep", "steps"], says: ["branches[1]:", "2 to steps", "20"]),
    Refusal(
        branched([nil, 1]), "invalidRefinerStartStep", ["branches[1].refiner.startStep"],
        says: ["2 to 100"]),
    Refusal(
        branched([18]) { $0.branches.append(.init(refiner: GenerationRequest.Refiner())) },
        "missingRefinerStart",
        [
            "branches[1].refiner.startStep", "branches[1].refiner.startStepPercentage",
            "branches[1].refiner.startTimestep", "branches[1].refiner.startSigma",
        ]),
    Refusal(
        branched([18]) { $0.branches[0].refiner?.startSigma = 1 }, "conflictRefinerStart",
        ["branches[0].refiner.startStep", "branches[0].refiner.startSigma"]),
    Refusal(branched([18, nil, 18]), "duplicateBranch", ["branches[2]"], says: ["branches[0]"]),
    Refusal(
        branched([nil, nil]) { $0.refiner = nil }, "duplicateBranch", ["branches[1]"]),
    Refusal(
        branched([nil]), "incompatibleParameters", ["branches", "refiner"],
        says: ["none of its branches"]),
    Refusal(
        branched([nil]) {
            $0.refiner = nil
            $0.handoffHistory = "RESET"
        }, "incompatibleParameters", ["branches", "refiner"]),
    Refusal(
        branched([nil, 18]) { $0.branches[1].refiner?.model = "sdxl" }, "invalidRefinerModel",
        ["branches[1].refiner.model"], status: .failedPrecondition),
    Refusal(
        branched([nil, 18]) { $0.branches[1].refiner?.cfgScale = .nan }, "invalidRefinerCFGScale",
        ["branches[1].refiner.CFGScale"]),
    Refusal(
        branched([nil, 18]) { $0.cfgScale = 51 }, "invalidCFGScale", ["CFGScale"]),
]

private let pauses: [Refusal] = [
    Refusal(
        request { $0.pauseAt = .step(0) }, "invalidPauseAt", ["pauseAt"], says: ["1 to 99"]),
    Refusal(request { $0.pauseAt = .handoff }, "incompatibleParameters", ["pauseAt", "refiner"]),
    Refusal(
        request {
            $0.pauseAt = .step(3)
            $0.numberResults = 2
        }, "incompatibleParameters", ["pauseAt", "numberResults"]),
    Refusal(
        branched([nil, 18]) { $0.pauseAt = .handoff }, "incompatibleParameters",
        ["pauseAt", "branches"]),
]

private let previews: [Refusal] = [
    Refusal(
        request { $0.previewEvery = 0 }, "invalidPreviewEvery", ["previewEvery"],
        says: ["1 to 100"]),
    Refusal(request { $0.previewEvery = 101 }, "invalidPreviewEvery", ["previewEvery"]),
    Refusal(
        request {
            $0.previewEvery = 1
            $0.previewSide = 15
        }, "invalidPreviewSide", ["previewSide"], says: ["16 to 512"]),
    Refusal(
        request { $0.previewSide = 64 }, "incompatibleParameters", ["previewSide", "previewEvery"]),
]

private let roles: [Refusal] = [
    Refusal(
        request { $0.model = "sdxll" }, "modelNotFound", ["model"],
        says: ["'sdxll'", "Did you mean 'sdxl'", "'tiny'"], status: .notFound),
    Refusal(
        request { $0.model = "\n" + String(repeating: "x", count: 90) }, "invalidModel", ["model"],
        says: ["\\n", "..."]),
    Refusal(
        request { $0.model = "nothing like it at all" }, "modelNotFound", ["model"],
        says: ["Base models here"], status: .notFound),
    Refusal(
        refined { $0.model = "sdxl-refine" }, "modelNotFound", ["refiner.model"],
        says: ["Did you mean 'sdxl-refiner'"], status: .notFound),
    Refusal(refined { $0.model = nil }, "missingRefinerModel", ["refiner.model"]),
    Refusal(
        request { $0.model = "sdxl-refiner" }, "invalidModel", ["model"],
        says: ["SDXL refiner", "refiner.model"], status: .failedPrecondition),
    Refusal(
        request { $0.model = "flux" }, "modelUnavailable", ["model"],
        says: ["FLUX", "transformers are not run here"], status: .failedPrecondition),
    Refusal(
        refined { $0.model = "sdxl" }, "invalidRefinerModel", ["refiner.model"],
        says: ["SDXL base", "more steps", "image-to-image", "upscaler"],
        status: .failedPrecondition),
    Refusal(
        refined { $0.model = "flux" }, "invalidRefinerModel", ["refiner.model"], says: ["FLUX"],
        status: .failedPrecondition),
    Refusal(
        refined { $0.model = "broken-refiner" }, "modelUnavailable", ["refiner.model"],
        says: ["a tensor is missing"], status: .failedPrecondition),
]

@Suite struct `A request is refused` {
    @Test(arguments: prompts) func `for a bad text`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: numbers) func `for a bad number`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: sizes) func `for a bad size`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: handoffs) func `for a bad handoff`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: loras) func `for a bad LoRA`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: branches) func `for bad branches`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: previews) func `for bad previews`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: pauses) func `for a bad pause`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: roles) func `for a model that cannot do it`(_ refusal: Refusal) {
        check(refusal)
    }

    @Test(arguments: ["flux", "sd15"])
    func `when a refiner is to follow another architecture`(name: String) throws {
        var asked = refined()
        asked.model = name
        let architecture = sampleModels.first { $0.id == name }?.architecture ?? ""
        check(
            Refusal(
                asked, "incompatibleRefiner", ["refiner.model", "model"],
                says: [architecture, "more steps", "image-to-image", "upscaler", "'sdxl'"],
                status: .failedPrecondition))
        asked.refiner = nil
        if name == "sd15" {
            #expect(try GenerationJob(asked, models: sampleModels).model == "sd15")
        }
    }

    @Test func `when there is no model at all`() {
        let error = #expect(throws: GenerationError.self) {
            try GenerationJob(request(), models: [])
        }
        #expect(error?.status == .notFound)
        #expect(error?.message.contains("none") == true)
    }

    private func check(_ refusal: Refusal) {
        let error = #expect(throws: GenerationError.self) {
            try GenerationJob(refusal.request, models: sampleModels)
        }
        guard let error else { return }
        #expect(error.status == refusal.status, "\(error.message)")
        #expect(error.code == refusal.code, "\(error.message)")
        #expect(error.fields == refusal.fields, "\(error.message)")
        #expect(!error.retryable)
        for words in refusal.says {
            #expect(error.message.contains(words))
        }
    }
}
