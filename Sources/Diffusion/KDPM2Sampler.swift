import Glibc

/// DPM-Solver-2's midpoint method (Lu et al. 2022, in Karras' notation): half a step to the geometric
/// mean of both sigmas, then the whole step along the prediction made there. The last step is Euler's.
/// Diffusers' KDPM2DiscreteScheduler and KDPM2AncestralDiscreteScheduler.
struct KDPM2Sampler: Sampler {
    let schedule: Schedule
    /// The latents at the start of the step, and room for noise.
    var history: SamplerHistory
    private let isAncestral: Bool

    /// - Parameter isAncestral: steps to a lower level, then adds fresh noise up to the schedule's.
    init(schedule: Schedule, latentCount: Int, isAncestral: Bool) {
        self.schedule = schedule
        self.isAncestral = isAncestral
        history = SamplerHistory(bufferCount: isAncestral ? 2 : 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? {
        guard history.stage == 1 else { return evaluation(at: step) }
        return evaluation(atSigma: levels.middle)
    }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let sigma = schedule.sigma(step)
        let (middle, down, up) = levels
        if history.stage == 0 {
            history.buffers[0].copy(latents)
            latents.add(middle - sigma, prediction)
            history.finishStage(of: middle == 0 ? 1 : 2)
        } else {
            latents.copy(history.buffers[0])
            latents.add(down - sigma, prediction)
            if isAncestral {
                noise.fill(&history.buffers[1])
                latents.add(up, history.buffers[1])
            }
            history.finishStage(of: 2)
        }
    }

    /// Where the second evaluation of this step is made, where the step goes, and the noise added.
    private var levels: (middle: Double, down: Double, up: Double) {
        let (sigma, next) = (schedule.sigma(step), schedule.sigma(step + 1))
        let (down, up) = isAncestral ? ancestralSplit(from: sigma, to: next) : (next, 0)
        return (exp((log(sigma) + log(down)) / 2), down, up)
    }
}
