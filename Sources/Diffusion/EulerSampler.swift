/// Euler's method on the probability flow (Karras et al. 2022, algorithm 2 without churn and second
/// order): x += (sigma_next - sigma) * e. Diffusers' EulerDiscreteScheduler.
struct EulerSampler: Sampler {
    let schedule: Schedule
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 0, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        latents.add(schedule.sigma(step + 1) - schedule.sigma(step), prediction)
        history.finishStage(of: 1)
    }
}
