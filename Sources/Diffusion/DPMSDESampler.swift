import Glibc

/// DPM-Solver++ as a stochastic equation with two evaluations per step (k-diffusion's sample_dpmpp_sde,
/// eta 1): an ancestral step to the geometric mean of both sigmas, then the whole step with the picture
/// predicted there. The last step is Euler's. Diffusers' DPMSolverSDEScheduler.
///
/// The noise of the first half and that of the whole step are increments of one Brownian path over
/// sigma: the second contains the first. Diffusers reads them from a tree with a seed of its own; here
/// they come from the generation's noise source, two draws per step.
struct DPMSDESampler: Sampler {
    let schedule: Schedule
    /// The latents at the start of the step, the noise of its first half, and room for more noise.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: 3, latentCount: latentCount)
    }

    var evaluation: Evaluation? {
        guard history.stage == 1 else { return evaluation(at: step) }
        return evaluation(atSigma: middle)
    }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (sigma, next) = (schedule.sigma(step), schedule.sigma(step + 1))
        guard next > 0 else {
            latents.add(next - sigma, prediction)
            history.finishStage(of: 1)
            return
        }
        if history.stage == 0 {
            history.buffers[0].copy(latents)
            let (down, up) = split(from: sigma, to: middle)
            // Towards the predicted picture, latents - sigma * prediction.
            latents.add((down / sigma - 1) * sigma, prediction)
            noise.fill(&history.buffers[1])
            latents.add(up, history.buffers[1])
        } else {
            let (down, up) = split(from: sigma, to: next)
            let share = 1 - down / sigma
            latents.combine(share, plus: -share * middle, prediction)
            latents.add(down / sigma, history.buffers[0])
            noise.fill(&history.buffers[2])
            let length = sigma - next
            latents.add(up * ((sigma - middle) / length).squareRoot(), history.buffers[1])
            latents.add(up * ((middle - next) / length).squareRoot(), history.buffers[2])
        }
        history.finishStage(of: 2)
    }

    /// The sigma of the second evaluation.
    private var middle: Double {
        exp((log(schedule.sigma(step)) + log(schedule.sigma(step + 1))) / 2)
    }

    private func split(from sigma: Double, to next: Double) -> (down: Double, up: Double) {
        let up = min(next, ancestralSplit(from: sigma, to: next).up)
        return ((next * next - up * up).squareRoot(), up)
    }
}
