/// DDPM (Ho et al. 2020, equations 6 and 7): the mean of the posterior between the latents and the
/// predicted picture, and noise of its variance ("fixed small"). Diffusers' DDPMScheduler.
struct DDPMSampler: Sampler {
    /// What the variance is held to from below, as in diffusers.
    private static let varianceMinimum = 1e-20

    let schedule: Schedule
    /// Room for noise.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    /// Draws at every step but one at timestep 0.
    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let timestep = Int(schedule.timesteps[step])
        let table = TrainingNoise.sdxl.alphasCumprod
        let alpha = table[timestep]
        let isLast = step == schedule.stepCount - 1
        let alphaNext = isLast ? 1 : table[Int(schedule.timesteps[step + 1])]
        let stepAlpha = alpha / alphaNext
        let stepBeta = 1 - stepAlpha

        let pictureShare = alphaNext.squareRoot() * stepBeta / (1 - alpha)
        let latentsShare = stepAlpha.squareRoot() * (1 - alphaNext) / (1 - alpha)
        let fromLatents = pictureShare / alpha.squareRoot()
        latents.combine(
            latentsShare + fromLatents, plus: -fromLatents * (1 - alpha).squareRoot(), prediction)
        if timestep > 0 {
            let variance = max((1 - alphaNext) / (1 - alpha) * stepBeta, Self.varianceMinimum)
            noise.fill(&history.buffers[0])
            latents.add(variance.squareRoot(), history.buffers[0])
        }
        history.finishStage(of: 1)
    }
}
