import Diffusion
import TestSupport

/// The vectors of one run: everything per evaluation of the model.
struct SamplerReference {
    let latentCount: Int
    let firstLatents: [Float]
    let predictions: [[Float]]
    let timesteps: [Double]
    let inputScales: [Float]
    let samples: [[Float]]
    /// Of a run whose sampler was made anew before the first of these evaluations.
    let resetSamples: [[Float]]
    private let run: SamplerRun
    private let draws: [[Float]]

    private static let schedulers = Result { try ReferenceTensors("schedulers.safetensors") }
    private static let more = Result { try ReferenceTensors("more_schedulers.safetensors") }

    init(_ run: SamplerRun) throws {
        let file =
            switch run.file {
            case .schedulers: try Self.schedulers.get()
            case .more: try Self.more.get()
            }
        let key = "\(run.name).\(run.steps)"
        let firstLatents = try file.float32("noise")
        func rows(_ name: String) throws -> [[Float]] {
            let values = try file.float32(name)
            let count = firstLatents.count
            return stride(from: 0, to: values.count, by: count).map {
                Array(values[$0..<$0 + count])
            }
        }
        self.run = run
        self.firstLatents = firstLatents
        latentCount = firstLatents.count
        timesteps = try file.float64("\(key).timesteps")
        inputScales = try file.float32("\(key).input_scale")
        samples = try rows("\(key).samples")
        resetSamples = try rows("\(key).reset_samples")
        predictions = Array(try rows("model_outputs")[..<samples.count])
        draws = try rows("step_noise")
    }

    /// What the scheduler drew, for a run that starts at `step`.
    func noise(from step: Int) -> ReplayedNoise {
        guard run.algorithm == .dpmPlusPlusSDE else { return ReplayedNoise(draws) }
        return ReplayedNoise(brownian(run.makeSampler(latentCount: 0).schedule, from: step))
    }

    /// The recorded draws of DPM++ SDE are increments of a Brownian path over sigma, of the first half
    /// of each step and of the whole; our sampler draws the two halves.
    private func brownian(_ schedule: Schedule, from step: Int) -> [[Float]] {
        let sigmas = schedule.sigmas.map(Double.init)
        return (step..<schedule.stepCount - 1).flatMap { i in
            let (sigma, next) = (sigmas[i], sigmas[i + 1])
            let middle = (sigma * next).squareRoot()
            let (first, whole) = (draws[2 * (i - step)], draws[2 * (i - step) + 1])
            let second = zip(first, whole).map { first, whole in
                let sum = Double(whole) * (sigma - next).squareRoot()
                let half = Double(first) * (sigma - middle).squareRoot()
                return Float((sum - half) / (middle - next).squareRoot())
            }
            return [first, second]
        }
    }
}
