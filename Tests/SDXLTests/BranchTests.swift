import Generation
import TestSupport
import Testing

@testable import SDXL

/// The branches of a job are, bit for bit, the pictures of separate requests, and no base step is run for
/// them twice.
struct BranchTests {
    static let steps = 6

    /// Endings that share a handoff, ones that do not, and one without a refiner.
    static let endings: [(name: String, refiner: GenerationRequest.Refiner?)] = [
        ("none", nil), ("early", refiner { $0.startStep = 3 }),
        ("late", refiner { $0.startStep = 6 }),
        (
            "late, otherwise",
            refiner {
                $0.startStep = 6
                $0.cfgScale = 2
                $0.positivePrompt = "in oil"
            }
        ),
        ("half", refiner { $0.startStepPercentage = 50 }),
    ]
    /// In the order in which they are made.
    static let order = [1, 4, 2, 3, 0]

    let generator: SDXLGenerator

    init() throws {
        generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
    }

    @Test(arguments: CheckpointTests.schedulers, [GenerationJob.HandoffHistory.keep, .reset])
    func `each is the separate request's picture, with any sampler, for each seed`(
        scheduler: String, history: GenerationJob.HandoffHistory
    ) throws {
        let job = try job(Self.endings.map(\.refiner), scheduler, history, images: 2)
        let plan = try generator.plan(job)
        #expect(plan.branches.map(\.index) == Self.order)
        let images = try finish(generator.makeRun(job, plan: plan))
        #expect(images.count == 2 * Self.endings.count)
        for branch in Self.endings.indices {
            let alone = job.separate(branch: branch)
            let alonePlan = try generator.plan(alone)
            let expected = try finish(generator.makeRun(alone, plan: alonePlan))
            let made = images.filter { plan.branch(ofImage: $0.imageIndex) == branch }
            #expect(made.count == 2)
            for (made, expected) in zip(made, expected) {
                let name = "\(scheduler) \(history): \(Self.endings[branch].name)"
                #expect(made.pixels == expected.pixels, "\(name)")
                #expect(made.latentsSHA256 == expected.latentsSHA256, "\(name)")
                #expect(made.handoffLatentsSHA256 == expected.handoffLatentsSHA256, "\(name)")
                #expect(made.seed == expected.seed)
                #expect(plan.separate(ofImage: made.imageIndex) == alonePlan)
            }
        }
    }

    @Test(arguments: ["Euler a", "DPM++ 2M SDE", "UniPC 3M", "Heun", "PNDMScheduler"])
    func `a run that is broken off between any two units is gone on with, all its branches`(
        scheduler: String
    ) throws {
        let job = try job(Self.endings.map(\.refiner), scheduler, .keep, images: 2)
        let plan = try generator.plan(job)
        let run = try generator.makeRun(job, plan: plan)
        var boundaries: [(GenerationCheckpoint, unitsLeft: Int)] = []
        var whole: [DecodedImage] = []
        var units = 0
        while run.nextPhase != nil {
            if case .image(let image) = try run.advance() { whole.append(image) }
            units += 1
            if let checkpoint = run.checkpoint() { boundaries.append((checkpoint, -units)) }
        }
        // The texts, each step once, each decoding.
        #expect(units == 1 + plan.workedSteps + plan.imageCount)
        for (boundary, unitsLeft) in boundaries {
            let rest = try generator.makeRun(job, plan: plan, from: boundary)
            var images: [DecodedImage] = []
            var restUnits = 0
            while rest.nextPhase != nil {
                if case .image(let image) = try rest.advance() { images.append(image) }
                restUnits += 1
            }
            let place = "\(scheduler), step \(boundary.step) of image \(boundary.imageIndex)"
            #expect(images == Array(whole.dropFirst(boundary.imageIndex)), "\(place)")
            // But for the texts nothing is done again: the base's state at the handoff is kept.
            #expect(restUnits == 1 + units + unitsLeft, "\(place)")
        }
    }

    @Test func `an image that is begun anew comes out the same, and those after it`() throws {
        let job = try job(Self.endings.map(\.refiner), "DPM++ 2M", .keep, images: 1)
        let plan = try generator.plan(job)
        let whole = try finish(generator.makeRun(job, plan: plan))
        for image in 1..<whole.count {
            let anew = GenerationCheckpoint(imageIndex: image, step: 0, state: [])
            let rest = try finish(generator.makeRun(job, plan: plan, from: anew))
            #expect(rest == Array(whole.dropFirst(image)))
        }
    }

    /// Heun evaluates twice a step, but for the last one of each ending.
    @Test(arguments: [("Euler", 60), ("Heun", 115)])
    func `handoffs after 38, 36, 34 and 32 of 40 steps cost 60 evaluations, not 200`(
        scheduler: String, evaluations: Int
    ) throws {
        let handoffs =
            [nil] + [39, 37, 35, 33].map { step in Self.refiner { $0.startStep = step } }
        let job = try job(handoffs, scheduler, .keep, images: 1, steps: 40)
        let plan = try generator.plan(job)
        #expect(plan.workedSteps == 60)
        #expect(plan.imageCount * plan.stepCount - plan.workedSteps == 140)
        let run = try generator.makeRun(job, plan: plan)
        var count = 0
        while run.nextPhase != nil {
            if case .step(let report) = try run.advance() { count += report.evaluations }
        }
        #expect(count == evaluations)
    }

    @Test func `one branch's refiner that does not fit is named by its place`() throws {
        let error = #expect(throws: GenerationError.self) {
            let refiner = Self.refiner { $0.startTimestep = 999.5 }
            _ = try generator.plan(job([nil, refiner], "Euler", .keep, images: 1))
        }
        #expect(error?.fields == ["branches[1].refiner.startTimestep"])
        #expect(error?.message.hasPrefix("branches[1]: ") == true)
    }

    // MARK: Helpers

    private func finish(_ run: any GenerationRun) throws -> [DecodedImage] {
        var images: [DecodedImage] = []
        while run.nextPhase != nil {
            if case .image(let image) = try run.advance() { images.append(image) }
        }
        return images
    }

    private static func refiner(
        _ change: (inout GenerationRequest.Refiner) -> Void
    ) -> GenerationRequest.Refiner {
        var refiner = GenerationRequest.Refiner()
        refiner.model = ModelCatalog.tinyRefinerID
        change(&refiner)
        return refiner
    }

    private func job(
        _ endings: [GenerationRequest.Refiner?], _ scheduler: String,
        _ history: GenerationJob.HandoffHistory, images: Int, steps: Int = Self.steps
    ) throws -> GenerationJob {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.negativePrompt = "blurry"
        request.model = ModelCatalog.tinyBaseID
        request.scheduler = scheduler
        request.steps = steps
        request.seed = 7
        request.numberResults = images
        request.handoffHistory = history.rawValue
        (request.width, request.height) = (64, 64)
        request.branches = endings.map { .init(refiner: $0) }
        return try GenerationJob(request, models: generator.models)
    }
}
