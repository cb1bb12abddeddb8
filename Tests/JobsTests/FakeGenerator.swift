import Generation
import Metrics

/// Makes one-coloured pictures out of seeds and steps, with the units of work of the real thing, each of
/// which a test may watch, hold up or fail. The colour comes of every step in order, so that one that is
/// left out or done twice is seen.
struct FakeGenerator: ImageGenerator {
    /// Called before each unit's work with the job's name, the unit's index in the job and its phase.
    typealias Hook = @Sendable (String, Int, Phase) throws(GenerationError) -> Void

    var hook: Hook = { (_, _, _) throws(GenerationError) in }
    var makeRunFailure: GenerationError?
    var planFailure: GenerationError?
    /// Units after which the run claims to be at its end.
    var unitMaximum = Int.max
    /// Bytes missing from every picture.
    var missingByteCount = 0
    /// Of what computes: another one cannot go on from its checkpoints.
    var fingerprint = "fake-1"
    /// Whether checkpoints are found to be damaged when they are needed.
    var refusesCheckpoints = false
    /// What a job needs while it is worked on, in bytes.
    var memory: @Sendable (GenerationJob) -> Int = { _ in 0 }
    /// Whether pictures are noise, which no encoder can make smaller, and not one colour.
    var isNoisy = false
    /// Called when a preview is drawn.
    var draw: @Sendable () -> Void = {}

    let models = [
        Self.model("base", ModelDescription.baseArchitecture, .base),
        Self.model("refiner", ModelDescription.refinerArchitecture, .refiner),
    ]

    private static func model(
        _ id: String, _ architecture: String, _ role: ModelDescription.Role
    ) -> ModelDescription {
        ModelDescription(
            id: id, aliases: [], architecture: architecture, role: role, dtype: "F16", byteCount: 1,
            parameterCount: 1, defaultSize: ImageSize(height: 16, width: 8), minimumSide: 8,
            problem: "")
    }

    func plan(_ job: GenerationJob) throws(GenerationError) -> GenerationPlan {
        if let planFailure { throw planFailure }
        guard job.branches.isEmpty else {
            var plans: [GenerationPlan] = []
            for index in job.branches.indices {
                plans.append(try plan(job.separate(branch: index)))
            }
            return GenerationPlan(joining: plans)
        }
        var baseSteps = job.steps
        if case .step(let step)? = job.refiner?.start { baseSteps = step - 1 }
        let timesteps = (0..<job.steps).map { Double(1000 - $0) }
        let sigmas = (0...job.steps).map { Double(job.steps - $0) }
        return GenerationPlan(
            model: job.model, refinerModel: job.refiner?.model, size: job.size, seeds: job.seeds,
            scheduler: "Euler", spacing: "leading", timesteps: timesteps, sigmas: sigmas,
            baseSteps: baseSteps, refinerSteps: job.steps - baseSteps,
            handoff: job.refiner.map { _ in
                GenerationPlan.Handoff(
                    step: baseSteps + 1, percentage: 100 * Double(baseSteps) / Double(job.steps),
                    timestep: timesteps[baseSteps], sigma: sigmas[baseSteps])
            }, advice: job.refiner == nil ? [] : ["Few steps."], fingerprint: fingerprint)
    }

    func makeRun(
        _ job: GenerationJob, plan: GenerationPlan, from checkpoint: GenerationCheckpoint?
    ) throws(GenerationError) -> any GenerationRun {
        if let makeRunFailure { throw makeRunFailure }
        return FakeRun(self, job, plan, from: checkpoint)
    }
}

private final class FakeRun: GenerationRun {
    private let generator: FakeGenerator
    private let job: GenerationJob
    private let plan: GenerationPlan
    private var unit = 0
    private var isCutShort = false
    /// The last unit was the decoding of an image.
    private var hasDecoded = false
    /// Where the first unit leads.
    private let firstStep: Int
    /// Whether that is within an image.
    private let isMidway: Bool
    private var colour: UInt8
    /// That of the base at the handoff, where the next image goes on from it.
    private var trunk: UInt8?

    init(
        _ generator: FakeGenerator, _ job: GenerationJob, _ plan: GenerationPlan,
        from checkpoint: GenerationCheckpoint?
    ) {
        self.generator = generator
        self.job = job
        self.plan = plan
        firstStep = checkpoint.map { 1 + $0.imageIndex * (job.steps + 1) + $0.step } ?? 1
        isMidway = (checkpoint?.step ?? 0) > 0
        colour = checkpoint?.state.first ?? 0
        trunk = checkpoint?.state.dropFirst().first
    }

    /// Of the next unit, the text encoding aside.
    private var place: (image: Int, step: Int) {
        let (image, step) = (unit - 1).quotientAndRemainder(dividingBy: job.steps + 1)
        return (image, step)
    }

    private func baseSteps(of image: Int) -> Int { plan.ending(ofImage: image).baseSteps }

    func skip(to target: SkipTarget) -> SkipReport? {
        let (image, step) = place
        guard unit > 1, step > 0 else { return nil }
        isCutShort = true
        hasDecoded = false
        let goal = target == .decoding ? job.steps : max(step, baseSteps(of: image))
        unit = 1 + image * (job.steps + 1) + goal
        return SkipReport(
            step: goal,
            handoffLatentsSHA256: goal > step && goal < job.steps ? [4, 5, 6] : nil)
    }

    /// In a colour that depends on the steps so far.
    func preview() -> DecodedImage {
        DecodedImage(
            imageIndex: place.image, size: plan.size, seed: plan.seed(ofImage: place.image),
            pixels: [UInt8](
                repeating: colour ^ 0xFF, count: plan.size.width * plan.size.height * 3),
            stepsBeforeCut: place.step)
    }

    /// One pixel, whose red is the colour so far.
    func sketch() -> (@Sendable () -> Picture)? {
        guard job.previews != nil, unit > 1 else { return nil }
        return { [colour, draw = generator.draw] in
            draw()
            return Picture(size: ImageSize(height: 1, width: 1), pixels: [colour, 0, 0])
        }
    }

    func checkpoint() -> GenerationCheckpoint? {
        guard unit > 1, nextPhase != nil else { return nil }
        let (image, step) = place
        return GenerationCheckpoint(
            imageIndex: image, step: step,
            state: step > 0 ? [colour] + [trunk].compactMap(\.self) : [])
    }

    var nextPhase: Phase? {
        if unit >= min(1 + plan.imageCount * (job.steps + 1), generator.unitMaximum) { return nil }
        if unit == 0 { return .textEncoding }
        let (image, step) = place
        if isCutShort, hasDecoded { return nil }
        return step == job.steps ? .decoding : step < baseSteps(of: image) ? .base : .refiner
    }

    func advance() throws(GenerationError) -> GenerationUpdate {
        guard let phase = nextPhase else { fatalError("advanced beyond the end") }
        try generator.hook(job.requestID, unit, phase)
        if generator.refusesCheckpoints, unit == 0, firstStep > 1, isMidway {
            throw .damagedCheckpoint("it is one of a test")
        }
        guard unit > 0 else {
            unit = firstStep
            return .textEncoded
        }
        let (image, index) = place
        hasDecoded = phase == .decoding
        unit += 1
        guard phase == .decoding else { return .step(step(image, index, phase)) }
        let count = plan.size.width * plan.size.height * 3 - generator.missingByteCount
        let pixels = generator.isNoisy ? noise(count) : [UInt8](repeating: colour, count: count)
        if let trunk {
            unit += plan.sharedSteps(ofImage: image + 1)
            colour = trunk
        }
        trunk = nil
        return .image(
            DecodedImage(
                imageIndex: image, size: plan.size, seed: plan.seed(ofImage: image), pixels: pixels)
        )
    }

    private func step(_ image: Int, _ index: Int, _ phase: Phase) -> StepReport {
        if index == 0 { colour = UInt8(truncatingIfNeeded: plan.seed(ofImage: image)) }
        let begins = phase == .refiner && index == baseSteps(of: image)
        if begins, plan.sharedSteps(ofImage: image + 1) > 0, !isCutShort { trunk = colour }
        // The refiner's steps are not the base's.
        colour = colour &* 31 &+ UInt8(index + 1) &+ (phase == .refiner ? 100 : 0)
        let handsOff =
            index + 1 == baseSteps(of: image)
            || begins && index == plan.sharedSteps(ofImage: image) && index > 0
        return StepReport(
            phase: phase, imageIndex: image, step: index + 1, timestep: plan.timesteps[index],
            sigma: plan.sigmas[index], handoffLatentsSHA256: handsOff ? [1, 2, 3] : nil)
    }

    private func noise(_ count: Int) -> [UInt8] {
        let words = (0..<count / 8 + 1).map { _ in UInt64.random(in: .min ... .max) }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }
}
