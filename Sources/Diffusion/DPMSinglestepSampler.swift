import Glibc

/// DPM-Solver++ in pairs of steps (Lu et al. 2022b, algorithm 1, "2S"): a first-order step, then a second
/// evaluation at its end from which both are gone anew at second order. Diffusers'
/// DPMSolverSinglestepScheduler, order 2, midpoint.
///
/// Each of the pair is a step of the schedule, with one evaluation; a reset between the two makes the
/// second one of first order too, as in diffusers.
struct DPMSinglestepSampler: Sampler {
    let schedule: Schedule
    /// The last two predictions of the picture, newest first; the latents at the start of the pair.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 3, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (start, end) = (schedule.level(step), schedule.level(step + 1))
        history.rotate(2)
        history.buffers[0].setPicture(latents, prediction, at: start)
        // Odd steps complete a pair; the last one never does.
        let completesPair = step % 2 == 1 && step < schedule.stepCount - 1 && history.depth > 0
        if completesPair {
            let first = schedule.level(step - 1)
            let h = end.lambda - first.lambda
            let decay = expm1(-h)
            let slope = 0.5 * decay * h / (start.lambda - first.lambda)
            latents.copy(history.buffers[2])
            latents.scale(end.sigma / first.sigma)
            latents.add(-end.alpha * slope, history.buffers[0])
            latents.add(end.alpha * (slope - decay), history.buffers[1])
        } else {
            history.buffers[2].copy(latents)
            let decay = expm1(start.lambda - end.lambda)
            latents.combine(
                end.sigma / start.sigma, plus: -end.alpha * decay, history.buffers[0])
        }
        history.finishStage(of: 1)
    }
}
