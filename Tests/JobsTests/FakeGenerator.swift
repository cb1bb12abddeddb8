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
    /// Where the first unit leads.
    private let firstStep: Int
    /// Whether that is within an image.
    private let isMidway: Bool
    private var colour: UInt8

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
    }

    func skip(to target: SkipTarget) -> SkipReport? {
        let (image, step) = (unit - 1).quotientAndRemainder(dividingBy: job.steps + 1)
        guard unit > 1, step > 0 else { return nil }
        isCutShort = true
        let goal = target == .decoding ? job.steps : max(step, plan.baseSteps)
        unit = 1 + image * (job.steps + 1) + goal
        return SkipReport(
            step: goal,
            handoffLatentsSHA256: target == .refiner && goal > step ? [4, 5, 6] : nil)
    }

    func checkpoint() -> GenerationCheckpoint? {
        guard unit > 1, nextPhase != nil else { return nil }
        let (image, step) = (unit - 1).quotientAndRemainder(dividingBy: job.steps + 1)
        return GenerationCheckpoint(
            imageIndex: image, step: step, state: step > 0 ? [colour] : [])
    }

    var nextPhase: Phase? {
        if unit >= min(1 + plan.seeds.count * (job.steps + 1), generator.unitMaximum) { return nil }
        if unit == 0 { return .textEncoding }
        if isCutShort, (unit - 1) % (job.steps + 1) == 0 { return nil }
        let index = (unit - 1) % (job.steps + 1)
        return index == job.steps ? .decoding : index < plan.baseSteps ? .base : .refiner
    }

    func advance() throws(GenerationError) -> GenerationUpdate {
        guard let phase = nextPhase else { fatalError("advanced beyond the end") }
        try generator.hook(job.requestID, unit, phase)
        if generator.refusesCheckpoints, unit == 0, firstStep > 1, isMidway {
            throw .damagedCheckpoint("it is one of a test")
        }
        let image = (unit - 1) / (job.steps + 1)
        let index = (unit - 1) % (job.steps + 1)
        unit = unit == 0 ? firstStep : unit + 1
        switch phase {
        case .textEncoding, .imageEncoding: return .textEncoded
        case .base, .refiner:
            if index == 0 { colour = UInt8(truncatingIfNeeded: plan.seeds[image]) }
            colour = colour &* 31 &+ UInt8(index + 1)
            return .step(
                StepReport(
                    phase: phase, imageIndex: image, step: index + 1,
                    timestep: plan.timesteps[index], sigma: plan.sigmas[index],
                    handoffLatentsSHA256: index + 1 == plan.baseSteps ? [1, 2, 3] : nil))
        case .decoding:
            let count = plan.size.width * plan.size.height * 3 - generator.missingByteCount
            return .image(
                DecodedImage(
                    imageIndex: image, size: plan.size, seed: plan.seeds[image],
                    pixels: generator.isNoisy
                        ? noise(count) : .init(repeating: colour, count: count)))
        }
    }

    private func noise(_ count: Int) -> [UInt8] {
        let words = (0..<count / 8 + 1).map { _ in UInt64.random(in: .min ... .max) }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }
}
