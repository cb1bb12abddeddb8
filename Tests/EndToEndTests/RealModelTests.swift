import Client
import Generation
import Jobs
import Logging
import PNGEncoding
import SDXL
import Server
import TestSupport
import Testing
import Transport
import Wire

/// The whole way, with nothing made up: our client, real sockets, the built-in checkpoints, and a
/// picture that diffusers made.
@Suite(.timeLimit(.minutes(15)))
struct RealModelTests {
    @Test func `a request over the wire gives the picture that diffusers gives`() async throws {
        let reference = try ReferenceCase.named("euler_80_20")
        let inputs = reference.inputs
        var request = GenerationRequest()
        request.positivePrompt = inputs.prompts[0]
        request.model = ModelCatalog.tinyBaseID
        request.negativePrompt = inputs.negativePrompts?[0]
        request.steps = inputs.steps
        request.seed = Int64(inputs.seeds[0])
        request.cfgScale = inputs.guidance
        request.width = inputs.width
        request.height = inputs.height
        var refiner = GenerationRequest.Refiner()
        refiner.model = ModelCatalog.tinyRefinerID
        refiner.startStepPercentage = 80
        request.refiner = refiner

        let events = try await self.events(of: request)

        let plan = try #require(events.first?.plan)
        #expect(plan.baseSteps == 16 && plan.refinerSteps == 4)
        #expect(plan.handoff?.step == 17)
        #expect(try plan.timesteps == reference.float64("timesteps"))
        let phases = events.compactMap(\.progress).filter { $0.phaseStep > 0 }.map(\.phase)
        let steps =
            Array(repeating: Phase.base, count: 16) + Array(repeating: Phase.refiner, count: 4)
        #expect(phases == [.textEncoding] + steps + [.decoding])
        let image = try #require(events.last?.image)
        #expect(image.sha256 == SHA256.digest(of: image.png))
        #expect(image.summary?.baseSteps == 16 && image.summary?.refinerSteps == 4)

        let got = try PNGPixels(image.png)
        let png = try #require(reference.png)
        let wanted = try PNGPixels(Array(Repository.reference(png)))
        #expect((got.width, got.height) == (wanted.width, wanted.height))
        let differences = zip(got.values, wanted.values).map { abs(Int($0) - Int($1)) }
        #expect(differences.max() ?? 0 <= 1)
        #expect(differences.count { $0 > 0 } * 100 <= differences.count)
    }

    @Test func `the handoff's digest is that of the latents the refiner takes over`() async throws {
        var request = GenerationRequest.picture("a red fox", steps: 4)
        request.model = ModelCatalog.tinyBaseID
        (request.width, request.height) = (64, 64)
        var refiner = GenerationRequest.Refiner()
        refiner.model = "tiny-refiner"
        refiner.startStep = 3
        request.refiner = refiner
        let digests = try await events(of: request).compactMap { event -> [UInt8]? in
            if case .handedOff(let handedOff) = event.content {
                handedOff.latentsSHA256
            } else {
                nil
            }
        }
        // The same two base steps, then another refiner's share: the same latents at the handoff.
        request.refiner?.cfgScale = 1
        request.refiner?.aestheticScore = 9
        let others = try await events(of: request).compactMap { event -> [UInt8]? in
            if case .handedOff(let handedOff) = event.content {
                handedOff.latentsSHA256
            } else {
                nil
            }
        }
        #expect(digests.count == 1 && digests[0].count == 32 && digests == others)
    }

    @Test func `a picture tells how it was made, and is made again byte for byte`() async throws {
        var request = GenerationRequest.picture("a red fox, \"quoted\" \u{1F98A}", steps: 3)
        (request.width, request.height) = (72, 64)
        request.positivePrompt2 = Parameter.blankPrompt
        request.negativePrompt = ""
        request.scheduler = "DPM++ 2M Karras"
        request.cfgScale = 3.3
        request.numberResults = 2
        request.cropTopLeft = ImagePoint(top: 1, left: 2)
        var refiner = GenerationRequest.Refiner()
        refiner.model = "runware:101055@128080"
        refiner.startStepPercentage = 67
        refiner.aestheticScore = 7.5
        request.refiner = refiner
        let images = try await events(of: request).compactMap(\.image)
        #expect(images.count == 2)
        for image in images {
            let text = try #require(try PNGTextReader.text(PictureRecord.keyword, in: image.png))
            let record = try PictureRecord(text)
            #expect(record.request.seed == image.seed)
            #expect(record.fingerprint.contains("refinery-"))
            let again = try await events(of: record.request).compactMap(\.image)
            #expect(again.count == 1 && again[0].png == image.png)
        }
    }

    @Test(arguments: [
        ("Eulr", "tiny-base", "tiny-refiner", "scheduler", StatusCode.invalidArgument),
        ("Euler", "tiny-refiner", "tiny-refiner", "model", .failedPrecondition),
        ("Euler", "tiny-base", "tiny-base", "refiner.model", .failedPrecondition),
        ("Euler", "flux", "tiny-refiner", "model", .notFound),
    ])
    func `what cannot be is refused with the field at fault`(
        scheduler: String, model: String, refinerModel: String, field: String, status: StatusCode
    ) async throws {
        var request = GenerationRequest.picture()
        request.scheduler = scheduler
        request.model = model
        var refiner = GenerationRequest.Refiner()
        refiner.model = refinerModel
        refiner.startStep = 2
        request.refiner = refiner
        do {
            _ = try await events(of: request)
            Issue.record("the request was accepted")
        } catch let error as GenerationError {
            #expect(error.status == status && error.fields == [field], "\(error)")
        }
    }

    /// All events of one request to a server of its own.
    private func events(of request: GenerationRequest) async throws -> [Event] {
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
        let jobs = try JobScheduler(generator: generator, configuration: .init())
        let server = try RefineryServer(
            configuration: .testing { _ in }, jobs: jobs, generator: generator,
            logger: Logger(label: "test") { _ in CapturedLog().handler })
        let addresses = try await server.start(listeningOn: [SocketAddress("127.0.0.1:0")])
        let result: Result<[Event], any Error>
        do {
            let client = try RefineryClient("\(addresses[0])")
            var events: [Event] = []
            for try await event in client.generate(request) { events.append(event) }
            client.close()
            result = .success(events)
        } catch {
            result = .failure(error)
        }
        await server.stop()
        jobs.stop(drain: false)
        return try result.get()
    }
}

extension Event {
    fileprivate var plan: GenerationPlan? {
        if case .accepted(let plan) = content { plan } else { nil }
    }
}
