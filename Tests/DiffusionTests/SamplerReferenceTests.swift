import Diffusion
import TestSupport
import Testing

/// Every sampler, driven by given predictions as `scripts/make_vectors.py` drove diffusers'.
@Suite struct SamplerReferenceTests {
    static let runs =
        SamplerRun.all.flatMap { run in [4, 10, 20].map { run.of($0, in: .schedulers) } }
        + SamplerRun.more.flatMap { run in [5, 16].map { run.of($0, in: .more) } }

    @Test(arguments: runs)
    func `a whole run gives diffusers' latents after every evaluation`(run: SamplerRun) throws {
        let reference = try SamplerReference(run)
        var sampler = run.makeSampler(latentCount: reference.latentCount)
        var noise = reference.noise(from: 0)
        var latents = reference.firstLatents.map { $0 * sampler.schedule.initialNoiseSigma }
        for (index, expected) in reference.samples.enumerated() {
            let evaluation = try #require(sampler.evaluation)
            // Between whole timesteps diffusers knows them from float32 logarithms, to a few 1e-4.
            #expect(
                abs(evaluation.timestep - reference.timesteps[index]) < 5e-4, "timestep \(index)")
            #expect(
                abs(evaluation.inputScale / reference.inputScales[index] - 1) < 1e-6,
                "input scale \(index)")
            sampler.advance(
                &latents, prediction: reference.predictions[index], noise: &noise)
            expectClose(latents, expected, "latents after evaluation \(index)")
        }
        #expect(sampler.evaluation == nil)
        #expect(sampler.step == run.steps)
    }

    @Test(arguments: runs)
    func `a reset in the middle gives what a second diffusers pipeline gives`(
        run: SamplerRun
    ) throws {
        let reference = try SamplerReference(run)
        var sampler = run.makeSampler(latentCount: reference.latentCount)
        var noise = reference.noise(from: 0)
        var latents = reference.firstLatents.map { $0 * sampler.schedule.initialNoiseSigma }
        let start = reference.samples.count - reference.resetSamples.count
        for prediction in reference.predictions[..<start] {
            sampler.advance(&latents, prediction: prediction, noise: &noise)
        }
        try #require(sampler.isBetweenSteps)
        sampler.reset()
        latents = reference.samples[start - 1]
        noise = reference.noise(from: sampler.step)
        for (index, expected) in reference.resetSamples.enumerated() {
            sampler.advance(
                &latents, prediction: reference.predictions[start + index], noise: &noise)
            expectClose(latents, expected, "latents after evaluation \(start + index)")
        }
        // PNDM takes one evaluation more after a reset, for which the vectors have no room.
        #expect((sampler.evaluation == nil) == (run.algorithm != .pndm))
    }

    @Test(arguments: runs)
    func `a fork goes on as the original does, and leaves it alone`(run: SamplerRun) throws {
        let reference = try SamplerReference(run)
        var original = run.makeSampler(latentCount: reference.latentCount)
        var noise = reference.noise(from: 0)
        var latents = reference.firstLatents
        for prediction in reference.predictions[..<(reference.predictions.count / 2)] {
            original.advance(&latents, prediction: prediction, noise: &noise)
        }
        // Restored from its history alone, as from a checkpoint.
        var fork = run.makeSampler(latentCount: reference.latentCount)
        fork.history = original.history
        var (forkedNoise, forkedLatents) = (noise, latents)
        for prediction in reference.predictions[(reference.predictions.count / 2)...] {
            fork.advance(&forkedLatents, prediction: prediction, noise: &forkedNoise)
        }
        for prediction in reference.predictions[(reference.predictions.count / 2)...] {
            original.advance(&latents, prediction: prediction, noise: &noise)
        }
        #expect(latents == forkedLatents)
        #expect(original.history == fork.history)
    }

    private func expectClose(_ actual: [Float], _ expected: [Float], _ what: Comment) {
        let distance = relativeL2(actual, expected)
        #expect(distance < 2e-6, what)
    }
}
