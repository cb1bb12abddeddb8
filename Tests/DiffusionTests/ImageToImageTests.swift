import Testing

@testable import Diffusion

/// Beginning in the middle of a schedule, from a picture.
@Suite struct ImageToImageTests {
    @Test(arguments: SamplerAlgorithm.allCases)
    func `the last steps are the whole schedule's`(algorithm: SamplerAlgorithm) {
        let whole = algorithm.schedule(stepCount: 12, spacing: algorithm.usualSpacing)
        for count in 0..<12 {
            let rest = whole.dropFirst(count)
            #expect(rest.timesteps == Array(whole.timesteps[count...]))
            #expect(rest.sigmas == Array(whole.sigmas[count...]))
            #expect(rest.convention == whole.convention && rest.spacing == whole.spacing)
        }
    }

    @Test(arguments: SamplerAlgorithm.allCases)
    func `a sampler that begins later asks for the later steps`(algorithm: SamplerAlgorithm) {
        let schedule = algorithm.schedule(stepCount: 12, spacing: algorithm.usualSpacing)
        for first in 0..<12 {
            var sampler = algorithm.makeSampler(schedule: schedule, latentCount: 4)
            sampler.begin(at: first)
            #expect(sampler.evaluation?.timestep == schedule.timesteps[first])
            var latents: [Float] = [1, 2, 3, 4]
            var noise = TorchGenerator(seed: 1)
            var evaluations = 0
            while sampler.evaluation != nil {
                sampler.advance(
                    &latents, prediction: [0.1, -0.2, 0.3, -0.4] as [Float], noise: &noise)
                evaluations += 1
            }
            #expect(sampler.step == 12)
            #expect((12 - first...2 * (12 - first)).contains(evaluations))
            let isFinite = latents.allSatisfy(\.isFinite)
            #expect(isFinite, "\(algorithm) from step \(first)")
        }
    }

    @Test func `latents are picture and noise in the sampler's own proportion`() {
        let exploding = SamplerAlgorithm.euler.schedule(stepCount: 8, spacing: .leading)
        let preserving = SamplerAlgorithm.ddim.schedule(stepCount: 8, spacing: .leading)
        for (index, sigma) in exploding.sigmas.enumerated() {
            let mixture = exploding.mixture(at: sigma)
            #expect(mixture.picture == 1 && mixture.noise == sigma)
            guard index < preserving.stepCount else { continue }
            // As diffusers has it, from the running product at the timestep.
            let timestep = Int(preserving.timesteps[index])
            let product = Float(TrainingNoise.sdxl.alphasCumprod[timestep])
            let kept = preserving.mixture(at: preserving.sigmas[index])
            #expect(abs(kept.picture - product.squareRoot()) < 1e-6)
            #expect(abs(kept.noise - (1 - product).squareRoot()) < 1e-6)
        }
    }

    @Test(arguments: [
        (20, 0.3, 6), (20, 0.8, 16), (10, 0.7, 7), (50, 0.58, 28), (100, 0.29, 28), (20, 0.04, 0),
        (1, 1, 1), (100, 1, 100), (3, 0, 0),
    ])
    func `strength counts steps as Python's int does`(steps: Int, strength: Double, run: Int) {
        #expect(Schedule.stepsRun(of: steps, strength: strength) == run)
    }
}
