/// Heun's second-order method (Karras et al. 2022, algorithm 1): an Euler step, a second evaluation at
/// its end, then the whole step along the mean of both. The last step is Euler's. Diffusers'
/// HeunDiscreteScheduler.
struct HeunSampler: Sampler {
    let schedule: Schedule
    /// The latents at the start of the step, and the first prediction.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 2, latentCount: latentCount)
    }

    /// The second evaluation of a step is made where the next one starts.
    var evaluation: Evaluation? { evaluation(at: step + history.stage) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (sigma, next) = (schedule.sigma(step), schedule.sigma(step + 1))
        if history.stage == 0 {
            history.buffers[0].copy(latents)
            history.buffers[1].copy(prediction)
            latents.add(next - sigma, prediction)
            history.finishStage(of: next == 0 ? 1 : 2)
        } else {
            latents.copy(history.buffers[0])
            latents.add((next - sigma) / 2, history.buffers[1])
            latents.add((next - sigma) / 2, prediction)
            history.finishStage(of: 2)
        }
    }
}
