import Generation
import TestSupport
import Testing

@testable import SDXL

/// A run that is broken off between any two units of work, and gone on with by another, gives the
/// bytes of the run that nothing disturbed.
struct CheckpointTests {
    static let steps = 5
    /// Multistep, of second order, stochastic; each family of samplers.
    static let schedulers = [
        "Euler", "Euler a", "Heun", "LMS Karras", "KDPM2", "KDPM2AncestralDiscreteScheduler",
        "DPM++ 2M Karras", "DPM++ 2M SDE", "DPM++ 3M", "DPM++ SDE", "DPMSolverSinglestepScheduler",
        "UniPC", "UniPC 3M", "DEISMultistepScheduler", "DDIM", "DDPMScheduler", "PNDMScheduler",
        "LCM", "TCD",
    ]

    enum Kind: String, CaseIterable {
        case base, refined, refinedAnew, fromPicture, inpainted, severalImages
    }

    let generator: SDXLGenerator

    init() throws {
        generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
    }

    @Test(arguments: schedulers)
    func `any sampler goes on at every boundary, through the handoff and without one`(
        scheduler: String
    ) throws {
        for kind in [Kind.base, .refined] {
            try check(job(kind, scheduler: scheduler))
        }
    }

    @Test(arguments: ["Euler a", "DPM++ 2M", "UniPC 3M"], Kind.allCases)
    func `so does a picture to start from, a mask, a batch, and a history that was reset`(
        scheduler: String, kind: Kind
    ) throws {
        try check(job(kind, scheduler: scheduler))
    }

    @Test(arguments: ["Euler a", "DPM++ 2M", "DDIM", "Heun"], [SkipTarget.decoding, .refiner])
    func `an image that is cut short after any step is finished, also after a break`(
        scheduler: String, target: SkipTarget
    ) throws {
        let job = try job(.refined, scheduler: scheduler)
        let plan = try generator.plan(job)
        for step in 1...Self.steps {
            let run = try generator.makeRun(job, plan: plan)
            #expect(run.skip(to: target) == nil)
            for _ in 0...step { _ = try run.advance() }
            let report = try #require(run.skip(to: target))
            #expect(report.step == (target == .decoding ? Self.steps : max(step, plan.baseSteps)))
            #expect(
                (report.handoffLatentsSHA256 != nil)
                    == (target == .refiner && step < plan.baseSteps))
            let checkpoint = try #require(run.checkpoint())
            let images = try finish(run) { _ in }
            #expect(images.count == 1)
            let isCut = report.step > step
            #expect(images[0].stepsBeforeCut == (isCut ? step : nil))
            let rest = try generator.makeRun(job, plan: plan, from: checkpoint)
            #expect(try finish(rest) { _ in } == images, "\(scheduler) after step \(step)")
        }
    }

    @Test
    func `a skip straight to the decoding of all but the last step is near the whole picture`()
        throws
    {
        let job = try job(.base, scheduler: "Euler")
        let plan = try generator.plan(job)
        let whole = try finish(generator.makeRun(job, plan: plan)) { _ in }[0]
        // Along an exact prediction the last step would be this very skip.
        let run = try generator.makeRun(job, plan: plan)
        for _ in 0..<Self.steps { _ = try run.advance() }
        #expect(run.skip(to: .decoding)?.step == Self.steps)
        let cut = try finish(run) { _ in }[0]
        let differences = zip(whole.pixels, cut.pixels).map { abs(Int($0) - Int($1)) }
        #expect(differences.reduce(0, +) / differences.count < 32)
    }

    @Test func `a checkpoint that is cut off or another job's is DATA_LOSS`() throws {
        let job = try job(.refined, scheduler: "DPM++ 2M")
        let checkpoint = try #require(try checkpoints(of: job).last)
        for length in [0, 3, 4, 40, checkpoint.state.count - 1] {
            var broken = checkpoint
            broken.state = Array(checkpoint.state.prefix(length))
            try expectDataLoss(job, from: broken)
        }
        var longer = checkpoint
        longer.state.append(0)
        try expectDataLoss(job, from: longer)
        var later = checkpoint
        later.step += 1
        try expectDataLoss(job, from: later)
        try expectDataLoss(self.job(.base, scheduler: "UniPC 3M"), from: checkpoint)
    }

    // MARK: Helpers

    private func check(_ job: GenerationJob) throws {
        let plan = try generator.plan(job)
        let run = try generator.makeRun(job, plan: plan)
        var boundaries: [GenerationCheckpoint] = []
        let whole = try finish(run) { boundaries.append($0) }
        #expect(whole.count == job.seeds.count)
        let stepCount = plan.baseSteps + plan.refinerSteps
        // After each step, and before each image but the first.
        #expect(boundaries.count == whole.count * (stepCount + 1) - 1)
        for boundary in boundaries {
            let rest = try finish(generator.makeRun(job, plan: plan, from: boundary)) { _ in }
            #expect(
                rest == Array(whole.dropFirst(boundary.imageIndex)),
                "\(job.scheduler) from step \(boundary.step) of image \(boundary.imageIndex)")
        }
    }

    private func finish(
        _ run: any GenerationRun, _ visit: (GenerationCheckpoint) -> Void
    ) throws -> [DecodedImage] {
        var images: [DecodedImage] = []
        while run.nextPhase != nil {
            if case .image(let image) = try run.advance() { images.append(image) }
            if let checkpoint = run.checkpoint() { visit(checkpoint) }
        }
        return images
    }

    private func checkpoints(of job: GenerationJob) throws -> [GenerationCheckpoint] {
        var all: [GenerationCheckpoint] = []
        _ = try finish(generator.makeRun(job, plan: generator.plan(job))) { all.append($0) }
        return all
    }

    private func expectDataLoss(
        _ job: GenerationJob, from checkpoint: GenerationCheckpoint
    ) throws {
        let error = #expect(throws: GenerationError.self) {
            let run = try generator.makeRun(
                job, plan: generator.plan(job), from: checkpoint)
            _ = try finish(run) { _ in }
        }
        #expect(error?.status == .dataLoss && error?.code == "damagedCheckpoint")
    }

    private func job(_ kind: Kind, scheduler: String) throws -> GenerationJob {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.negativePrompt = "blurry"
        request.model = ModelCatalog.tinyBaseID
        request.scheduler = scheduler
        request.steps = Self.steps
        request.seed = 7
        (request.width, request.height) = (64, 64)
        if kind != .base {
            var refiner = GenerationRequest.Refiner()
            refiner.model = ModelCatalog.tinyRefinerID
            refiner.startStep = kind == .fromPicture || kind == .inpainted ? 3 : 4
            request.refiner = refiner
        }
        if kind == .refinedAnew { request.handoffHistory = "RESET" }
        if kind == .severalImages {
            request.numberResults = 3
            request.steps = 4
            request.refiner?.startStep = 3
        }
        if kind == .fromPicture || kind == .inpainted {
            request.seedImage = String(repeating: "a", count: 64)
            request.strength = 0.7
        }
        if kind == .inpainted { request.maskImage = String(repeating: "b", count: 64) }
        return try GenerationJob(request, models: generator.models) { name in
            Self.picture { name.first == "b" ? $0 > 2_000 ? 255 : 0 : UInt8($0 * 31 % 256) }
        }
    }

    private static func picture(_ value: (Int) -> UInt8) -> Picture {
        Picture(
            size: ImageSize(height: 64, width: 64), pixels: (0..<64 * 64 * 3).map { value($0 / 3) })
    }
}
