import Generation
import Metrics

/// An image generator that computes nothing: fast, deterministic, and held or failed at will. A base
/// and a refiner share its steps as they share real ones.
final class FakeGenerator: ImageGenerator {
    let control = FakeControl()

    let models = [
        FakeGenerator.model("base", "SDXL base", .base),
        FakeGenerator.model("refiner", "SDXL refiner", .refiner),
    ]

    private static func model(
        _ id: String, _ architecture: String, _ role: ModelDescription.Role
    ) -> ModelDescription {
        ModelDescription(
            id: id, aliases: [], architecture: architecture, role: role, dtype: "F32",
            byteCount: 1, parameterCount: 1, defaultSize: ImageSize(height: 64, width: 64),
            minimumSide: 8, problem: "")
    }

    func plan(_ job: GenerationJob) throws(GenerationError) -> GenerationPlan {
        let timesteps = (0..<job.steps).map { 1000 - 1000 * Double($0) / Double(job.steps) }
        var baseSteps = job.steps
        if case .step(let step) = job.refiner?.start { baseSteps = step - 1 }
        let handoff = job.refiner.map { _ in
            GenerationPlan.Handoff(
                step: baseSteps + 1,
                percentage: 100 * Double(baseSteps) / Double(job.steps),
                timestep: timesteps[baseSteps], sigma: timesteps[baseSteps] / 100)
        }
        return GenerationPlan(
            model: job.model, refinerModel: job.refiner?.model, size: job.size, seeds: job.seeds,
            scheduler: "Fake", spacing: "even", timesteps: timesteps,
            sigmas: timesteps.map { $0 / 100 } + [0], baseSteps: baseSteps,
            refinerSteps: job.steps - baseSteps, handoff: handoff, advice: [])
    }

    func makeRun(
        _ job: GenerationJob, plan: GenerationPlan, from checkpoint: GenerationCheckpoint?
    ) throws(GenerationError) -> any GenerationRun {
        FakeRun(job, plan, control, from: checkpoint)
    }
}

/// How a test holds and fails a ``FakeGenerator``'s runs. Any thread may call.
final class FakeControl: Sendable {
    private struct State {
        /// Runs stop before this step of an image until released.
        var heldStep: Int?
        var heldRunCount = 0
        var failedStep: Int?
        /// Steps done by all runs.
        var stepCount = 0
        /// Runs that exist.
        var runCount = 0
    }

    private let state = Protected(State())

    /// From now on, every run waits before its step `step`, until ``release()``.
    func hold(beforeStep step: Int) { state.withLock { $0.heldStep = step } }

    func release() {
        state.withLock { $0.heldStep = nil }
        state.notify()
    }

    /// Every run fails instead of doing its step `step`.
    func fail(atStep step: Int) { state.withLock { $0.failedStep = step } }

    /// Waits until so many runs are held.
    func waitUntilHeld(_ count: Int = 1) {
        state.wait { $0.heldRunCount >= count ? () : nil }
    }

    /// Waits until every run is gone.
    func waitUntilIdle() {
        state.wait { $0.runCount == 0 ? () : nil }
    }

    var stepCount: Int { state.withLock { $0.stepCount } }

    fileprivate func runBegan() { state.withLock { $0.runCount += 1 } }

    fileprivate func runEnded() {
        state.withLock { $0.runCount -= 1 }
        state.notify()
    }

    fileprivate func enter(step: Int) throws(GenerationError) {
        if state.withLock({ $0.failedStep == step }) {
            throw GenerationError(.internal, code: "fakeFailure", "Step \(step) was told to fail.")
        }
        if state.withLock({ $0.heldStep == step }) {
            state.withLock { $0.heldRunCount += 1 }
            state.notify()
            state.wait { $0.heldStep == step ? nil : () }
            state.withLock { $0.heldRunCount -= 1 }
        }
        state.withLock { $0.stepCount += 1 }
    }
}

private final class FakeRun: GenerationRun {
    private let job: GenerationJob
    private let plan: GenerationPlan
    private let control: FakeControl
    private var isTextEncoded = false
    private var isCutShort = false
    private var isDone = false
    private var imageIndex = 0
    /// Done, of this image.
    private var step = 0

    init(
        _ job: GenerationJob, _ plan: GenerationPlan, _ control: FakeControl,
        from checkpoint: GenerationCheckpoint?
    ) {
        self.job = job
        self.plan = plan
        self.control = control
        imageIndex = checkpoint?.imageIndex ?? 0
        step = checkpoint?.step ?? 0
        control.runBegan()
    }

    func skip(to target: SkipTarget) -> SkipReport? {
        guard step > 0 else { return nil }
        isCutShort = true
        let goal = target == .decoding ? job.steps : max(step, plan.baseSteps)
        let isHandoff = target == .refiner && goal > step
        step = goal
        return SkipReport(
            step: goal, handoffLatentsSHA256: isHandoff ? [UInt8](repeating: 7, count: 32) : nil)
    }

    func preview() -> DecodedImage { picture() }

    /// Noise too, as large as asked.
    func sketch() -> (@Sendable () -> Picture)? {
        guard let side = job.previews?.side, step > 0 else { return nil }
        return { [seed = job.seeds[imageIndex] + Int64(step)] in
            let size = ImageSize(height: side, width: side)
            return Picture(size: size, pixels: noise(size, seed: seed))
        }
    }

    func checkpoint() -> GenerationCheckpoint? {
        guard imageIndex < job.seeds.count, imageIndex + step > 0 else { return nil }
        return GenerationCheckpoint(imageIndex: imageIndex, step: step, state: [])
    }

    deinit { control.runEnded() }

    var nextPhase: Phase? {
        if !isTextEncoded { return .textEncoding }
        if imageIndex == job.seeds.count || isDone { return nil }
        if step == job.steps { return .decoding }
        return step < plan.baseSteps ? .base : .refiner
    }

    func advance() throws(GenerationError) -> GenerationUpdate {
        guard isTextEncoded else {
            isTextEncoded = true
            return .textEncoded
        }
        guard step < job.steps else { return .image(decode()) }
        try control.enter(step: step + 1)
        let phase: Phase = step < plan.baseSteps ? .base : .refiner
        let report = StepReport(
            phase: phase, imageIndex: imageIndex, step: step + 1, timestep: plan.timesteps[step],
            sigma: plan.sigmas[step],
            handoffLatentsSHA256: plan.handoff != nil && step + 1 == plan.baseSteps
                ? [UInt8](repeating: 7, count: 32) : nil)
        step += 1
        return .step(report)
    }

    private func decode() -> DecodedImage {
        defer {
            imageIndex += 1
            step = 0
            isDone = isCutShort
        }
        return picture()
    }

    private func picture() -> DecodedImage {
        let seed = job.seeds[imageIndex]
        return DecodedImage(
            imageIndex: imageIndex, size: job.size, seed: seed,
            pixels: noise(job.size, seed: seed))
    }
}

/// Noise, so that a picture's size in pixels tells its size in bytes. Sides are multiples of 8.
private func noise(_ size: ImageSize, seed: Int64) -> [UInt8] {
    var state = UInt64(bitPattern: seed)
    let byteCount = size.height * size.width * 3
    return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initializedCount in
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        for offset in stride(from: 0, to: byteCount, by: 8) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes.storeBytes(of: state ^ state >> 32, toByteOffset: offset, as: UInt64.self)
        }
        initializedCount = byteCount
    }
}
