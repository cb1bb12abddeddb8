/// Trajectory consistency distillation (Zheng et al. 2024, algorithm 4): a DDIM step beyond the next level,
/// and fresh noise back up to it; for models distilled to it. Diffusers' TCDScheduler. No noise after the
/// last step.
struct TCDSampler: Sampler {
    let schedule: Schedule
    /// Room for noise.
    var history: SamplerHistory
    private let eta: Double

    /// - Parameter eta: 0...1, the paper's gamma: how far beyond; 0 draws no noise.
    init(schedule: Schedule, latentCount: Int, eta: Double) {
        self.schedule = schedule
        self.eta = eta
        history = SamplerHistory(bufferCount: 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let isLast = step == schedule.stepCount - 1
        let next = isLast ? 0 : schedule.timesteps[step + 1]
        let table = TrainingNoise.sdxl.alphasCumprod
        let alpha = table[Int(schedule.timesteps[step])]
        let alphaNext = table[Int(next)]
        // In float32, as in diffusers, so that it rounds down to the same timestep.
        let alphaBeyond = table[Int(Float(1 - eta) * Float(next))]

        let scale = (alphaBeyond / alpha).squareRoot()
        latents.combine(
            scale, plus: (1 - alphaBeyond).squareRoot() - scale * (1 - alpha).squareRoot(),
            prediction)
        if eta > 0, !isLast {
            let share = alphaNext / alphaBeyond
            noise.fill(&history.buffers[0])
            latents.combine(
                share.squareRoot(), plus: (1 - share).squareRoot(), history.buffers[0])
        }
        history.finishStage(of: 1)
    }
}
