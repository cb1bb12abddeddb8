/// Euler's method down to a lower level than the schedule's, then fresh noise up to it (k-diffusion's
/// sample_euler_ancestral with eta 1). Diffusers' EulerAncestralDiscreteScheduler; draws at every
/// step, the last one too, where the noise counts for nothing.
struct EulerAncestralSampler: Sampler {
    let schedule: Schedule
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (sigma, next) = (schedule.sigma(step), schedule.sigma(step + 1))
        let (down, up) = ancestralSplit(from: sigma, to: next)
        latents.add(down - sigma, prediction)
        noise.fill(&history.buffers[0])
        latents.add(up, history.buffers[0])
        history.finishStage(of: 1)
    }
}

/// The level to step down to, and the noise to add there, so that the latents end at `next` with as
/// much fresh noise as the diffusion itself would add between the two levels.
func ancestralSplit(from sigma: Double, to next: Double) -> (down: Double, up: Double) {
    let (square, nextSquare) = (sigma * sigma, next * next)
    let up = (nextSquare * (square - nextSquare) / square).squareRoot()
    return ((nextSquare - up * up).squareRoot(), up)
}
