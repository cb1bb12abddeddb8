import Diffusion
import Testing

/// What holds for every sampler, whatever its numbers.
@Suite struct SamplerTests {
    private static let count = 24

    private func sampler(_ algorithm: SamplerAlgorithm, steps: Int) -> any Sampler {
        let schedule = algorithm.schedule(stepCount: steps, spacing: algorithm.usualSpacing)
        return algorithm.makeSampler(schedule: schedule, latentCount: Self.count)
    }

    @Test(arguments: SamplerAlgorithm.allCases)
    func `every run of 1 to 40 steps ends after all of them, with finite latents`(
        algorithm: SamplerAlgorithm
    ) {
        for steps in 1...40 {
            var sampler = sampler(algorithm, steps: steps)
            var noise = TorchGenerator(seed: 1)
            var latents = noise.normals(Self.count)
            var evaluations = 0
            while let evaluation = sampler.evaluation {
                #expect((0...999).contains(evaluation.timestep))
                #expect(evaluation.inputScale > 0 && evaluation.inputScale <= 1)
                let prediction = latents.map { $0 * 0.1 }
                sampler.advance(&latents, prediction: prediction, noise: &noise)
                evaluations += 1
            }
            #expect(sampler.step == steps)
            #expect(sampler.isBetweenSteps)
            #expect(latents.allSatisfy { $0.isFinite }, "\(steps) steps")
            let expected =
                switch algorithm {
                case .pndm: steps == 1 ? 1 : steps + 1
                default: algorithm.evaluationsPerStep * (steps - 1) + 1
                }
            #expect(evaluations == expected, "\(steps) steps")
        }
    }

    @Test(arguments: SamplerAlgorithm.allCases)
    func `a sampler can be reset before any step`(algorithm: SamplerAlgorithm) {
        for steps in [1, 2, 3, 7, 16] {
            for resetStep in 0..<steps {
                var sampler = sampler(algorithm, steps: steps)
                var noise = TorchGenerator(seed: 1)
                var latents = noise.normals(Self.count)
                var hasReset = false
                while sampler.evaluation != nil {
                    if !hasReset, sampler.isBetweenSteps, sampler.step == resetStep {
                        sampler.reset()
                        hasReset = true
                    }
                    let prediction = latents.map { $0 * 0.1 }
                    sampler.advance(&latents, prediction: prediction, noise: &noise)
                }
                #expect(hasReset)
                #expect(sampler.step == steps)
                #expect(latents.allSatisfy { $0.isFinite }, "\(steps) steps, reset \(resetStep)")
            }
        }
    }

    /// If the model always sees the same noise in the latents, the picture it implies stays the same,
    /// and every sampler without noise of its own must end exactly there.
    @Test(arguments: SamplerAlgorithm.allCases.filter { !$0.drawsNoise })
    func `a model that knows the picture leads to it`(algorithm: SamplerAlgorithm) throws {
        for spacing in algorithm.spacings {
            let schedule = algorithm.schedule(stepCount: 10, spacing: spacing)
            var sampler = algorithm.makeSampler(schedule: schedule, latentCount: Self.count)
            var noise = TorchGenerator(seed: 1)
            let picture = noise.normals(Self.count)
            let constant = noise.normals(Self.count)
            func latents(at sigma: Double) -> [Float] {
                let alpha =
                    schedule.convention == .variancePreserving
                    ? 1 / (sigma * sigma + 1).squareRoot() : 1
                return zip(picture, constant).map {
                    Float(alpha * (Double($0) + sigma * Double($1)))
                }
            }
            var current = latents(at: Double(schedule.sigmas[0]))
            while sampler.evaluation != nil {
                sampler.advance(&current, prediction: constant, noise: &noise)
            }
            let expected = latents(at: Double(schedule.sigmas[10]))
            for (a, e) in zip(current, expected) {
                #expect(abs(a - e) < 2e-4, "\(spacing)")
            }
        }
    }

    @Test(arguments: SamplerAlgorithm.allCases)
    func `advancing reuses the memory it has`(algorithm: SamplerAlgorithm) {
        var sampler = sampler(algorithm, steps: 9)
        var noise = TorchGenerator(seed: 1)
        var latents = noise.normals(Self.count)
        let prediction = noise.normals(Self.count)
        func addresses() -> Set<UnsafeRawPointer> {
            Set(sampler.history.buffers.map { $0.withUnsafeBytes { $0.baseAddress! } })
        }
        let before = addresses()
        let latentsBefore = latents.withUnsafeBytes { $0.baseAddress! }
        while sampler.evaluation != nil {
            sampler.advance(&latents, prediction: prediction, noise: &noise)
        }
        #expect(addresses() == before)
        #expect(latents.withUnsafeBytes { $0.baseAddress! } == latentsBefore)
    }
}

extension SamplerAlgorithm {
    /// Whether it adds noise of its own with the usual eta.
    fileprivate var drawsNoise: Bool {
        switch self {
        case .eulerAncestral, .dpm2Ancestral, .dpmPlusPlus2MSDE, .dpmPlusPlusSDE, .ddpm, .lcm, .tcd:
            true
        default: false
        }
    }
}
