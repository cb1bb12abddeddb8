/// PNDM without its Runge-Kutta start (Liu et al. 2022, "PLMS"): DDIM's step along a combination of up to
/// four noise predictions. Diffusers' PNDMScheduler with skip_prk_steps.
///
/// The first step after a start or reset takes two evaluations, the second at its end, and goes along
/// their mean; when it is also the last it takes one. (A second diffusers pipeline that starts in the
/// middle takes the second evaluation for that of the next step, and stays a step behind; not so here.)
struct PNDMSampler: Sampler {
    /// Adams-Bashforth's, newest prediction first, for 1 to 4 known predictions.
    private static let weights: [[Double]] = [
        [1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24],
    ]
    private static let order = weights.count

    let schedule: Schedule
    /// The last noise predictions, newest first; the latents at the start of the first step.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: Self.order + 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step + history.stage) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (scale, slope) = transfer
        if history.stage == 1 {
            latents.copy(history.buffers[Self.order])
            latents.combine(scale, plus: slope / 2, prediction)
            latents.add(slope / 2, history.buffers[0])
            history.finishStage(of: 2)
            return
        }
        history.rotate(Self.order)
        history.buffers[0].copy(prediction)
        let isFirst = history.depth == 0
        if isFirst { history.buffers[Self.order].copy(latents) }
        latents.scale(scale)
        for (age, weight) in Self.weights[min(history.depth, Self.order - 1)].enumerated() {
            latents.add(slope * weight, history.buffers[age])
        }
        history.finishStage(of: isFirst && step < schedule.stepCount - 1 ? 2 : 1)
    }

    /// This step as latents * scale + noise prediction * slope (equation 11).
    private var transfer: (scale: Double, slope: Double) {
        let timestep = Int(schedule.timesteps[step])
        let earlier = timestep - TrainingNoise.timestepCount / schedule.stepCount
        let alpha = TrainingNoise.sdxl.alphasCumprod[timestep]
        let alphaEarlier = TrainingNoise.sdxl.alphasCumprod[max(earlier, 0)]
        let denominator =
            alpha * (1 - alphaEarlier).squareRoot()
            + (alpha * (1 - alpha) * alphaEarlier).squareRoot()
        return ((alphaEarlier / alpha).squareRoot(), (alpha - alphaEarlier) / denominator)
    }
}
