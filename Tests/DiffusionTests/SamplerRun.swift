import Diffusion
import Testing

/// One sampler on one schedule, and the name of its vectors.
struct SamplerRun: Sendable, CustomTestStringConvertible {
    let name: String
    let algorithm: SamplerAlgorithm
    let spacing: Spacing
    var steps = 0

    /// Those of `engine.py`.
    static let all = [
        SamplerRun("euler", .euler, .leading),
        SamplerRun("euler_trailing", .euler, .trailing),
        SamplerRun("euler_linspace", .euler, .linspace),
        SamplerRun("euler_karras", .euler, .karras),
        SamplerRun("euler_a", .eulerAncestral, .leading),
        SamplerRun("euler_a_trailing", .eulerAncestral, .trailing),
        SamplerRun("dpmpp_2m", .dpmPlusPlus2M, .leading),
        SamplerRun("dpmpp_2m_trailing", .dpmPlusPlus2M, .trailing),
        SamplerRun("dpmpp_2m_karras", .dpmPlusPlus2M, .karras),
        SamplerRun("dpmpp_2m_sde", .dpmPlusPlus2MSDE, .leading),
        SamplerRun("dpmpp_2m_sde_karras", .dpmPlusPlus2MSDE, .karras),
        SamplerRun("dpmpp_sde_karras", .dpmPlusPlusSDE, .karras),
        SamplerRun("dpmpp_2s_karras", .dpmPlusPlus2S, .karras),
        SamplerRun("ddim", .ddim, .leading),
        SamplerRun("ddim_trailing", .ddim, .trailing),
        SamplerRun("unipc", .uniPC, .leading),
        SamplerRun("unipc_karras", .uniPC, .karras),
        SamplerRun("heun", .heun, .leading),
        SamplerRun("heun_karras", .heun, .karras),
        SamplerRun("lms", .lms, .leading),
        SamplerRun("lms_karras", .lms, .karras),
        SamplerRun("lcm", .lcm, .trailing),
    ]

    static func named(_ name: String) -> SamplerRun? { all.first { $0.name == name } }

    init(_ name: String, _ algorithm: SamplerAlgorithm, _ spacing: Spacing) {
        self.name = name
        self.algorithm = algorithm
        self.spacing = spacing
    }

    func of(_ steps: Int) -> SamplerRun {
        var run = self
        run.steps = steps
        return run
    }

    var testDescription: String { steps == 0 ? name : "\(name), \(steps) steps" }

    func makeSampler(latentCount: Int) -> any Sampler {
        let schedule = algorithm.schedule(stepCount: steps, spacing: spacing)
        return algorithm.makeSampler(schedule: schedule, latentCount: latentCount)
    }
}
