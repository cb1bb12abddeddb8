import Generation
import Testing

/// What becomes of `seedImage`, `maskImage` and `strength`.
@Suite struct ImageInputTests {
    private func job(
        _ width: Int = 512, _ height: Int = 768,
        _ change: (inout GenerationRequest) -> Void = { _ in }
    ) throws -> GenerationJob {
        try GenerationJob(
            request {
                $0.seedImage = samplePicture
                change(&$0)
            }, models: sampleModels, pictures: samplePictures(width, height))
    }

    @Test func `the picture gives the size, and strength is 0.8 unless said`() throws {
        let job = try job()
        #expect(job.size == ImageSize(height: 768, width: 512))
        let input = try #require(job.imageInput)
        #expect(input.strength == 0.8)
        #expect(input.seedImage.size == job.size)
        #expect(input.seedImageName == samplePicture)
        #expect(input.maskImage == nil && input.maskImageName == nil)
    }

    @Test func `without a picture there is none`() throws {
        let job = try GenerationJob(
            request {
                $0.seedImage = ""
                $0.maskImage = ""
            }, models: sampleModels)
        #expect(job.imageInput == nil)
    }

    @Test func `a mask of the same size is taken, and names in upper case`() throws {
        let input = try #require(
            job {
                $0.seedImage = samplePicture.uppercased()
                $0.maskImage = sampleMask
                $0.width = 512
                $0.height = 768
                $0.strength = 1
            }.imageInput)
        #expect(input.seedImageName == samplePicture)
        #expect(input.maskImageName == sampleMask)
        #expect(input.maskImage?.size == input.seedImage.size)
    }

    @Test func `a refiner by itself finishes a picture`() throws {
        let job = try job {
            $0.model = "sdxl-refiner"
            $0.strength = 0.3
        }
        #expect(job.model == "sdxl-refiner" && job.refiner == nil)
    }

    @Test(arguments: [
        Refusal("another size", "invalidSize", ["seedImage", "width", "height"]) {
            $0.width = 768
            $0.height = 512
        },
        Refusal("another width", "invalidSize", ["seedImage", "width"]) { $0.width = 520 },
        Refusal("an unknown picture", "imageNotFound", ["seedImage"], status: .notFound) {
            $0.seedImage = String(repeating: "c3", count: 32)
        },
        Refusal("an unknown mask", "imageNotFound", ["maskImage"], status: .notFound) {
            $0.maskImage = String(repeating: "c3", count: 32)
        },
        Refusal("a short name", "invalidSeedImage", ["seedImage"]) { $0.seedImage = "a1" },
        Refusal("a name that is no hex", "invalidMaskImage", ["maskImage"]) {
            $0.maskImage = String(repeating: "zz", count: 32)
        },
        Refusal("too much strength", "invalidStrength", ["strength"]) { $0.strength = 1.01 },
        Refusal("strength that is no number", "invalidStrength", ["strength"]) {
            $0.strength = .nan
        },
        Refusal("a mask alone", "incompatibleParameters", ["maskImage", "seedImage"]) {
            $0.seedImage = nil
            $0.maskImage = sampleMask
        },
        Refusal("strength alone", "incompatibleParameters", ["strength", "seedImage"]) {
            $0.seedImage = nil
            $0.strength = 0.5
        },
        Refusal("a refiner after a refiner", "invalidModel", ["model"], status: .failedPrecondition)
        {
            $0.model = "sdxl-refiner"
            $0.refiner = refined().refiner
        },
    ])
    func `what does not go together is refused`(refusal: Refusal) throws {
        let error = try #require(throws: GenerationError.self) { try job(512, 768, refusal.change) }
        #expect(error.status == refusal.status)
        #expect(error.code == refusal.code)
        #expect(error.fields == refusal.fields)
    }

    @Test func `a picture of another size than asked for is told both`() throws {
        let error = try #require(throws: GenerationError.self) {
            try job(512, 768) {
                $0.width = 768
                $0.height = 512
            }
        }
        #expect(error.message.contains("512 x 768") && error.message.contains("768 x 512"))
    }

    @Test(arguments: [(100, 512), (64, 512), (2056, 512)])
    func `a picture of a size that cannot be made is refused`(width: Int, height: Int) throws {
        let error = try #require(throws: GenerationError.self) {
            try job(width, height) { $0.model = "sdxl" }
        }
        #expect(error.fields == ["width"])
    }

    struct Refusal: Sendable, CustomStringConvertible {
        let description: String
        let status: StatusCode
        let code: String
        let fields: [String]
        let change: @Sendable (inout GenerationRequest) -> Void

        init(
            _ description: String, _ code: String, _ fields: [String],
            status: StatusCode = .invalidArgument,
            _ change: @escaping @Sendable (inout GenerationRequest) -> Void
        ) {
            self.description = description
            self.status = status
            self.code = code
            self.fields = fields
            self.change = change
        }
    }
}
