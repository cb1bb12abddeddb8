import Glibc

/// DEIS (Zhang and Chen 2022) of second order, in log rho: the noise prediction is continued as a line
/// over the logarithm of sigma. Diffusers' DEISMultistepScheduler. The first step after a start or reset
/// is of first order, and in runs of fewer than 15 steps the last one too.
struct DEISSampler: Sampler {
    private static let shortRun = 15

    let schedule: Schedule
    /// The last two noise predictions, newest first.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 2, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (start, end) = (schedule.level(step), schedule.level(step + 1))
        history.rotate(2)
        history.buffers[0].copy(prediction)
        let isLastOfShortRun =
            step == schedule.stepCount - 1 && schedule.stepCount < Self.shortRun
        latents.scale(end.alpha / start.alpha)
        if history.depth == 0 || isLastOfShortRun {
            let growth = expm1(end.lambda - start.lambda)
            latents.add(-end.sigma * growth, prediction)
        } else {
            let (last, current) = (schedule.sigma(step - 1), schedule.sigma(step))
            latents.add(
                end.alpha * weight(zeroAt: last, oneAt: current), history.buffers[0])
            latents.add(
                end.alpha * weight(zeroAt: current, oneAt: last), history.buffers[1])
        }
        history.finishStage(of: 1)
    }

    /// The integral over this step's sigmas of the line in log sigma through 0 and 1 at two of them.
    private func weight(zeroAt zero: Double, oneAt one: Double) -> Double {
        func integral(to sigma: Double) -> Double {
            sigma * (log(sigma) - log(zero) - 1) / (log(one) - log(zero))
        }
        return integral(to: schedule.sigma(step + 1)) - integral(to: schedule.sigma(step))
    }
}
