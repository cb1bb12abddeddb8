/// Euler's method on the probability flow (Karras et al. 2022, algorithm 2 without churn and second
/// order): x += (sigma_next - sigma) * e. Diffusers' EulerDiscreteScheduler.
public struct EulerSampler: Sampler {
    public let schedule: Schedule
    public var history: SamplerHistory

    public init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 0, latentCount: latentCount)
    }

    public var evaluation: Evaluation? { evaluation(at: step) }

    public mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        latents.add(schedule.sigma(step + 1) - schedule.sigma(step), prediction)
        history.finishStage(of: 1)
    }
}
