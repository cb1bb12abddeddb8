import Testing

@testable import Generation

struct PictureRecordTests {
    /// Every parameter with a value that is not its default.
    private static let full: GenerationRequest = refined {
        $0.model = "sdxl-refiner"
        $0.startStep = nil
        $0.startStepPercentage = 85
        $0.cfgScale = 4.25
        $0.positivePrompt = "finer \"fur\"\n\u{1F98A}"
        $0.negativePrompt = ""
        $0.aestheticScore = 9.5
        $0.negativeAestheticScore = 1
    }.with {
        $0.positivePrompt = "__BLANK__"
        $0.negativePrompt = "blurry"
        $0.positivePrompt2 = "__BLANK__"
        $0.negativePrompt2 = "dull"
        (($0.width), ($0.height)) = (640, 768)
        $0.steps = 40
        $0.scheduler = "DDIM"
        $0.seed = 9_007_199_254_740_993
        $0.cfgScale = 0.1
        $0.numberResults = 3
        $0.originalSize = ImageSize(height: 1, width: 2)
        $0.cropTopLeft = ImagePoint(top: 3, left: 4)
        $0.targetSize = ImageSize(height: 5, width: 6)
        $0.negativeOriginalSize = ImageSize(height: 7, width: 8)
        $0.negativeCropTopLeft = ImagePoint(top: 9, left: 10)
        $0.negativeTargetSize = ImageSize(height: 11, width: 12)
        $0.clipSkip = 1
        $0.promptWeighting = "compel"
        $0.guidanceRescale = 0.7
        $0.vae = "fp16-fix"
        $0.embeddings = [GenerationRequest.Embedding(model: "style", weight: -0.5)]
        $0.eta = 0.5
        $0.handoffHistory = "reset"
        $0.seedImage = samplePicture
        $0.maskImage = sampleMask
        $0.strength = 0.6
        $0.loras = [.init(model: "lora"), .init(model: "lora", weight: -0.5, applyTo: .both)]
    }

    @Test func `what a record says makes the same job of the last image`() throws {
        var asked = Self.full
        asked.handoffHistory = GenerationJob.HandoffHistory.allCases.last?.rawValue
        var job = try GenerationJob(
            asked, models: sampleModels, pictures: samplePictures(640, 768))
        let request = GenerationRequest(repeating: job, seed: job.seeds[2])
        let text = Array(request.json.text.utf8)
        let read = try RequestReader.read(text)
        #expect(read.notices.isEmpty)
        var again = try GenerationJob(
            read.requests[0], models: sampleModels, pictures: samplePictures(640, 768))
        #expect(again.seeds == [job.seeds[2]])
        again.requestID = job.requestID
        job.seeds = again.seeds
        #expect(again == job)
    }

    /// A parameter that a new version adds must be recorded, or pictures could not be made again.
    @Test(arguments: Parameter.all.map(\.name))
    func `every parameter is recorded`(name: String) throws {
        let unrecorded: Set = [
            // The job's own name, and the three units in which the handoff was not given.
            "taskUUID", "refiner.startStep", "refiner.startTimestep", "refiner.startSigma",
            // A branch's picture is that of its separate request, which has none.
            "branches",
            // When it was made, which is no part of what it shows.
            "priority", "deadlineMs", "detach", "pauseAt", "previewEvery", "previewSide",
        ]
        var asked = Self.full
        asked.handoffHistory = GenerationJob.HandoffHistory.allCases.last?.rawValue
        let job = try GenerationJob(
            asked, models: sampleModels, pictures: samplePictures(640, 768))
        let text = GenerationRequest(repeating: job, seed: 1).json.text
        let key = name.split(separator: ".").last.map(String.init) ?? name
        let isRefiners = name.hasPrefix("refiner.")
        let parts = text.components(around: "\"refiner\":")
        let place = isRefiners ? parts.after : parts.before
        #expect(place.contains("\"\(key)\":") != unrecorded.contains(name))
    }

    @Test(arguments: [
        "", "[]", "{}", "{\"format\":2}", "{\"format\":1,\"request\":{},\"fingerprint\":7}",
        "{\"format\":1,\"request\":[],\"fingerprint\":\"\"}",
        "{\"format\":1,\"request\":{\"stepz\":1},\"fingerprint\":\"\"}",
    ])
    func `what is no record is refused`(text: String) {
        #expect(throws: GenerationError.self) { try PictureRecord(Array(text.utf8)) }
    }
}

extension GenerationRequest {
    fileprivate func with(_ change: (inout GenerationRequest) -> Void) -> GenerationRequest {
        var copy = self
        change(&copy)
        return copy
    }
}

extension String {
    /// What stands before and after the only occurrence of `separator`.
    fileprivate func components(around separator: String) -> (before: String, after: String) {
        guard let range = firstRange(of: separator) else { return (self, "") }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]))
    }
}
