import Generation
import TestSupport
import Testing

@testable import SDXL

/// A job that goes on from a paused one gives, bit for bit, the picture of its request run from the start.
struct TicketTests {
    static let steps = 6
    /// The paused job's first step of the refiner.
    static let start = 4

    let generator: SDXLGenerator

    init() throws {
        generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
    }

    private static let changes: [(name: String, ResumeRequest)] = [
        ("as it was", ResumeRequest(jobID: "p")),
        ("without a refiner", ResumeRequest(jobID: "p", withoutRefiner: true)),
        ("later", resume { $0.startStep = 6 }), ("earlier", resume { $0.startStep = 3 }),
        (
            "with another prompt and guidance",
            resume {
                $0.positivePrompt = "in oil"
                $0.cfgScale = 2
            }
        ),
    ]

    private static func resume(
        _ change: (inout GenerationRequest.Refiner) -> Void
    ) -> ResumeRequest {
        var refiner = GenerationRequest.Refiner()
        change(&refiner)
        return ResumeRequest(jobID: "p", refiner: refiner)
    }

    @Test(
        arguments: [
            "Euler a", "Heun", "DPM++ 2M Karras", "DPM++ 2M SDE", "UniPC 3M", "LMS Karras",
            "PNDMScheduler",
        ], [GenerationJob.HandoffHistory.keep, .reset])
    func `with any change that is not too late, from any step`(
        scheduler: String, history: GenerationJob.HandoffHistory
    ) throws {
        var asked = request(scheduler, history)
        for step in 1..<Self.steps {
            asked.pauseAt = .step(step)
            let paused = try resolve(asked)
            #expect(paused.plan.pauseStep == step)
            let run = try generator.makeRun(paused.job, plan: paused.plan)
            for _ in 0...step { _ = try run.advance() }
            let checkpoint = try #require(run.checkpoint())
            let preview = try run.preview()
            #expect(preview.stepsBeforeCut == step)
            // The preview changes nothing of what it is of.
            #expect(run.checkpoint() == checkpoint)
            let ticket = GenerationPlan.Ticket(jobID: "p", step: step)
            for (name, change) in Self.changes {
                let whole = try resolve(
                    change.request(resuming: GenerationRequest(resolving: paused.job)))
                let isSame = name == "as it was"
                let isPossible = isSame || step < Self.start && step <= whole.plan.baseSteps
                let plan = try? whole.plan.resuming(
                    ticket, paused: paused.plan, isSameRefiner: isSame)
                #expect((plan != nil) == isPossible, "\(name) after step \(step)")
                guard let plan else { continue }
                let rest = try generator.makeRun(whole.job, plan: plan, from: checkpoint)
                let (image, handoffs) = try finish(rest)
                let expected = try finish(generator.makeRun(whole.job, plan: whole.plan))
                #expect(image == expected.image, "\(scheduler) \(name) after step \(step)")
                // Told of by the job in which it falls.
                #expect(handoffs == (step >= Self.start ? 0 : expected.handoffs), "\(name)")
            }
        }
    }

    @Test func `the preview is the picture that cutting short there would give`() throws {
        let job = try resolve(request("DPM++ 2M", .keep))
        let run = try generator.makeRun(job.job, plan: job.plan)
        for _ in 0...3 { _ = try run.advance() }
        let preview = try run.preview()
        _ = run.skip(to: .decoding)
        #expect(try finish(run).image.pixels == preview.pixels)
    }

    @Test(arguments: [0, 6, 7])
    func `a pause that is not between two steps is refused`(step: Int) throws {
        var asked = request("Euler", .keep)
        asked.pauseAt = .step(step)
        let error = #expect(throws: GenerationError.self) { try resolve(asked) }
        #expect(error?.code == "invalidPauseAt" && error?.fields == ["pauseAt"])
    }

    @Test func `a pause at the handoff is after the base's steps`() throws {
        var asked = request("Euler", .keep)
        asked.pauseAt = .handoff
        #expect(try resolve(asked).plan.pauseStep == Self.start - 1)
    }

    // MARK: Helpers

    private func resolve(
        _ request: GenerationRequest
    ) throws -> (job: GenerationJob, plan: GenerationPlan) {
        let job = try GenerationJob(request, models: generator.models)
        return (job, try generator.resolve(job))
    }

    private func finish(
        _ run: any GenerationRun
    ) throws -> (image: DecodedImage, handoffs: Int) {
        var images: [DecodedImage] = []
        var handoffs = 0
        while run.nextPhase != nil {
            switch try run.advance() {
            case .image(let image): images.append(image)
            case .step(let report): handoffs += report.handoffLatentsSHA256 == nil ? 0 : 1
            case .textEncoded, .imageEncoded: break
            }
        }
        return (try #require(images.first), handoffs)
    }

    private func request(
        _ scheduler: String, _ history: GenerationJob.HandoffHistory
    ) -> GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.negativePrompt = "blurry"
        request.model = ModelCatalog.tinyBaseID
        request.scheduler = scheduler
        request.steps = Self.steps
        request.seed = 7
        request.handoffHistory = history.rawValue
        (request.width, request.height) = (64, 64)
        var refiner = GenerationRequest.Refiner()
        refiner.model = ModelCatalog.tinyRefinerID
        refiner.startStep = Self.start
        request.refiner = refiner
        return request
    }
}
