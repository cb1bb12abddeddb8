import Testing

@testable import Generation

@Suite struct `A job from a request` {
    @Test func `has every default filled in`() throws {
        let job = try GenerationJob(request(), models: sampleModels)
        #expect(job.positivePrompt == "a red fox")
        #expect(job.negativePrompt == nil)
        #expect(job.positivePrompt2 == nil)
        #expect(job.model == "sdxl")
        #expect(job.size == ImageSize(height: 1024, width: 1024))
        #expect(job.steps == 20)
        #expect(job.scheduler == "Default")
        #expect(job.seeds.count == 1)
        #expect((1...Int64(UInt32.max)).contains(job.seeds[0]))
        #expect(job.cfgScale == 7)
        #expect(job.cropTopLeft == ImagePoint(top: 0, left: 0))
        #expect(job.refiner == nil)
    }

    @Test func `gets a name when it has none, another one each time`() throws {
        let first = try GenerationJob(request(), models: sampleModels).requestID
        let second = try GenerationJob(request { $0.requestID = "" }, models: sampleModels)
            .requestID
        let form = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
        #expect(first.wholeMatch(of: form) != nil)
        #expect(first != second)
        #expect(
            try GenerationJob(request { $0.requestID = "mine" }, models: sampleModels).requestID
                == "mine")
    }

    @Test func `gives its refiner what it has itself`() throws {
        let asked = refined { $0.model = "civitai:101055@128080" }
        let refiner = try #require(try GenerationJob(asked, models: sampleModels).refiner)
        #expect(
            refiner
                == GenerationJob.Refiner(
                    model: "sdxl-refiner", start: .step(18), cfgScale: 7,
                    positivePrompt: "a red fox", negativePrompt: nil, aestheticScore: 6,
                    negativeAestheticScore: 2.5))
        var own = refined {
            $0.cfgScale = 4
            $0.positivePrompt = "__BLANK__"
            $0.negativePrompt = ""
            $0.aestheticScore = 9
            $0.negativeAestheticScore = 0
        }
        own.cfgScale = 3
        let told = try #require(try GenerationJob(own, models: sampleModels).refiner)
        #expect(told.cfgScale == 4)
        #expect(told.positivePrompt == "")
        #expect(told.negativePrompt == "")
        #expect(told.aestheticScore == 9)
        #expect(told.negativeAestheticScore == 0)
    }

    @Test func `keeps an absent, an empty and a blank prompt apart`() throws {
        let job = try GenerationJob(
            request {
                $0.positivePrompt = "__BLANK__"
                $0.negativePrompt = ""
                $0.positivePrompt2 = "__BLANK__"
                $0.negativePrompt2 = ""
            }, models: sampleModels)
        #expect(job.positivePrompt == "")
        #expect(job.negativePrompt == "")
        #expect(job.positivePrompt2 == "")
        #expect(job.negativePrompt2 == nil)
    }

    @Test func `a LoRA is for the base, once, unless it says otherwise`() throws {
        var asked = refined()
        asked.loras = [
            GenerationRequest.LoRA(model: "lora"),
            GenerationRequest.LoRA(model: "civitai:1@2", weight: -0.5, applyTo: .both),
        ]
        let job = try GenerationJob(asked, models: sampleModels)
        #expect(
            job.loras == [
                GenerationJob.LoRA(model: "lora", weight: 1, applyTo: .base),
                GenerationJob.LoRA(model: "lora", weight: -0.5, applyTo: .both),
            ])
        #expect(try GenerationJob(request(), models: sampleModels).loras.isEmpty)
    }

    @Test func `counts seeds up, to the last there is`() throws {
        let job = try GenerationJob(
            request {
                $0.seed = .max - 2
                $0.numberResults = 3
            }, models: sampleModels)
        #expect(job.seeds == [.max - 2, .max - 1, .max])
    }

    @Test(arguments: [
        ("sdxl", "sdxl"), ("civitai:101055@128078", "sdxl"), ("tiny", "tiny"), ("", "tiny"),
        (nil, "tiny"),
    ])
    func `finds its model by id, alias or default`(name: String?, id: String) throws {
        let job = try GenerationJob(
            request { $0.model = name }, models: sampleModels,
            limits: GenerationLimits(defaultModel: "tiny"))
        #expect(job.model == id)
    }

    @Test func `takes every edge of every range`() throws {
        for parameter in Parameter.all {
            for edge in [false, true] {
                var asked = refined { $0.startStep = nil }
                // Companions without which the value under test would be refused for their lack.
                asked.steps = 100
                asked.negativePrompt = "dull"
                asked.seedImage = samplePicture
                switch parameter.kind {
                case .prompt(let field, let range):
                    asked[keyPath: field] = String(
                        repeating: "a", count: edge ? range.upperBound : max(range.lowerBound, 1))
                case .name(let field, let range):
                    guard parameter.key == "taskUUID" || parameter.key == "scheduler" else {
                        continue
                    }
                    asked[keyPath: field] = String(
                        repeating: "a", count: edge ? range.upperBound : range.lowerBound)
                case .integer(let field, let range):
                    asked[keyPath: field] = edge ? range.upperBound : max(range.lowerBound, 2)
                    if parameter.key == "previewSide" { asked.previewEvery = 1 }
                case .seed(let field, let range):
                    asked[keyPath: field] = edge ? range.upperBound - 19 : range.lowerBound
                case .number(let field, let range):
                    asked[keyPath: field] = edge ? range.upperBound : range.lowerBound
                case .size(let field, let range):
                    let side = edge ? range.upperBound : range.lowerBound
                    asked[keyPath: field] = ImageSize(height: side, width: side)
                    if parameter.key == "negativeOriginalSize" {
                        asked.negativeTargetSize = ImageSize(height: 1, width: 1)
                    } else if parameter.key == "negativeTargetSize" {
                        asked.negativeOriginalSize = ImageSize(height: 1, width: 1)
                    }
                case .point(let field, let range):
                    let side = edge ? range.upperBound : range.lowerBound
                    asked[keyPath: field] = ImagePoint(top: side, left: side)
                case .pause(let field, let range):
                    asked[keyPath: field] = .step(edge ? range.upperBound : range.lowerBound)
                case .branches(let count):
                    guard edge else { continue }
                    asked.branches = (0..<count).map { index in
                        var refiner = GenerationRequest.Refiner()
                        refiner.startStep = 2 + index
                        return .init(refiner: refiner)
                    }
                case .loras(let count, let weight):
                    asked.loras = Array(
                        repeating: GenerationRequest.LoRA(
                            model: "lora", weight: edge ? weight.upperBound : weight.lowerBound,
                            applyTo: edge ? .both : .refiner),
                        count: edge ? count : 1)
                case .flag(let field): asked[keyPath: field] = edge
                case .choice(let field, let choices):
                    asked[keyPath: field] = edge ? choices.last : choices.first
                // Which models there are has tests of its own.
                case .side, .picture, .embeddings: continue
                }
                if !parameter.key.hasPrefix("start") { asked.refiner?.startStepPercentage = 80 }
                #expect(throws: Never.self, "\(parameter.name), upper edge \(edge)") {
                    try GenerationJob(
                        asked, models: sampleModels, pictures: samplePictures(128, 128))
                }
            }
        }
    }

    @Test(arguments: [(16, 2048), (2048, 640), (1280, 1024), (1024, 1280), (640, 2048)])
    func `may have any size from the model's least to the frame's most`(w: Int, h: Int) throws {
        let job = try GenerationJob(
            request {
                $0.model = "tiny"
                $0.width = w
                $0.height = h
            }, models: sampleModels)
        #expect(job.size == ImageSize(height: h, width: w))
    }
}

@Suite struct `The largest picture` {
    @Test func `fits a frame even when no byte compresses`() {
        let limits = GenerationLimits()
        // A filter byte a row, 5 bytes for each stored block of 16 KiB, 12 for each chunk of 8 KiB.
        let rows = limits.sideMaximum
        let stored = limits.pixelMaximum * 3 + rows
        let structure = (stored / 16_384 + 1) * 5 + (stored / 8192 + 1) * 12 + 1024
        let text = 12 * Parameter.promptCharacterMaximum * 4
        #expect(stored + structure + text < GenerationLimits.frameByteLimit)
        #expect(limits.pixelMaximum == 1280 * 1024)
    }
}
