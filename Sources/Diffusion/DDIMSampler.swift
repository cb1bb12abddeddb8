/// DDIM (Song et al. 2020, equation 12): towards the predicted picture, and back up with a mixture of the
/// predicted and, with eta above 0, fresh noise. Diffusers' DDIMScheduler.
struct DDIMSampler: Sampler {
    let schedule: Schedule
    /// Room for noise.
    var history: SamplerHistory
    private let eta: Double

    /// - Parameter eta: 0 draws no noise, 1 as much as DDPM.
    init(schedule: Schedule, latentCount: Int, eta: Double) {
        self.schedule = schedule
        self.eta = eta
        history = SamplerHistory(bufferCount: 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let timestep = Int(schedule.timesteps[step])
        // One stride of whole timesteps down, which trailing spacing does not always hit.
        let earlier = timestep - TrainingNoise.timestepCount / schedule.stepCount
        let alpha = TrainingNoise.sdxl.alphasCumprod[timestep]
        let alphaEarlier = TrainingNoise.sdxl.alphasCumprod[max(earlier, 0)]
        let variance = (1 - alphaEarlier) / (1 - alpha) * (1 - alpha / alphaEarlier)
        let deviation = eta * variance.squareRoot()

        let scale = (alphaEarlier / alpha).squareRoot()
        let direction = (1 - alphaEarlier - deviation * deviation).squareRoot()
        latents.combine(scale, plus: direction - scale * (1 - alpha).squareRoot(), prediction)
        if eta > 0 {
            noise.fill(&history.buffers[0])
            latents.add(deviation, history.buffers[0])
        }
        history.finishStage(of: 1)
    }
}
