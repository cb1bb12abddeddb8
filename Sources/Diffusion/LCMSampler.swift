/// Latent consistency models (Luo et al. 2023, algorithm 3): jump to the predicted picture, add fresh noise
/// of the next level, repeat; for models distilled to it. Diffusers' LCMScheduler. No noise after the
/// last step.
struct LCMSampler: Sampler {
    /// sigma_data and the timestep scaling of the boundary condition.
    private static let dataDeviation = 0.5
    private static let timestepScaling = 10.0

    let schedule: Schedule
    /// Room for noise.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let timestep = Int(schedule.timesteps[step])
        let table = TrainingNoise.sdxl.alphasCumprod
        let alpha = table[timestep]
        let scaled = Self.timestepScaling * Double(timestep)
        let variance = Self.dataDeviation * Self.dataDeviation
        let norm = scaled * scaled + variance
        let fromPicture = scaled / norm.squareRoot() / alpha.squareRoot()
        latents.combine(
            variance / norm + fromPicture, plus: -fromPicture * (1 - alpha).squareRoot(),
            prediction)
        if step < schedule.stepCount - 1 {
            let alphaNext = table[Int(schedule.timesteps[step + 1])]
            noise.fill(&history.buffers[0])
            latents.combine(
                alphaNext.squareRoot(), plus: (1 - alphaNext).squareRoot(), history.buffers[0])
        }
        history.finishStage(of: 1)
    }
}
