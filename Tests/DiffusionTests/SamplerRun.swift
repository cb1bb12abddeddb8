import Diffusion
import Testing

/// One sampler on one schedule, and the name of its vectors.
struct SamplerRun: Sendable, CustomTestStringConvertible {
    /// Without the steps.
    let name: String
    let algorithm: SamplerAlgorithm
    let spacing: Spacing
    var eta: Double?
    var steps = 0
    var file = VectorFile.schedulers

    enum VectorFile {
        case schedulers, more
    }

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

    /// Those of `make_more_schedulers.py`.
    static let more =
        family("euler", .euler, [.exponential, .beta])
        + family("euler_a", .eulerAncestral, [.linspace])
        + family("heun", .heun, [.trailing, .linspace, .exponential, .beta])
        + family("lms", .lms, [.trailing, .linspace, .exponential, .beta])
        + family("kdpm2", .dpm2, Spacing.allCases)
        + family("kdpm2_a", .dpm2Ancestral, Spacing.allCases)
        + family("dpmpp_2m", .dpmPlusPlus2M, [.linspace, .exponential, .beta])
        + family(
            "dpmpp_2m_sde", .dpmPlusPlus2MSDE, [.trailing, .linspace, .exponential, .beta])
        + family("dpmpp_3m", .dpmPlusPlus3M, Spacing.allCases)
        + family("dpmpp_2s", .dpmPlusPlus2S, [.linspace, .exponential, .beta])
        + family(
            "dpmpp_sde", .dpmPlusPlusSDE, [.leading, .trailing, .linspace, .exponential, .beta])
        + family("unipc", .uniPC, [.trailing, .linspace, .exponential, .beta])
        + family("unipc_3m", .uniPC3M, Spacing.allCases)
        + family("deis", .deis, [.leading, .trailing, .linspace])
        + family("ddim_eta1", .ddim, [.leading, .trailing], eta: 1)
        + family("ddpm", .ddpm, [.leading, .trailing, .linspace])
        + family("pndm", .pndm, [.leading])
        + [SamplerRun("tcd", .tcd, .trailing)]

    private static func family(
        _ name: String, _ algorithm: SamplerAlgorithm, _ spacings: [Spacing], eta: Double? = nil
    ) -> [SamplerRun] {
        spacings.map { spacing in
            let suffix = spacing == .leading ? "" : "_\(spacing)"
            var run = SamplerRun(name + suffix, algorithm, spacing)
            run.eta = eta
            return run
        }
    }

    static func named(_ name: String) -> SamplerRun? { all.first { $0.name == name } }

    init(_ name: String, _ algorithm: SamplerAlgorithm, _ spacing: Spacing) {
        self.name = name
        self.algorithm = algorithm
        self.spacing = spacing
    }

    func of(_ steps: Int, in file: VectorFile) -> SamplerRun {
        var run = self
        run.steps = steps
        run.file = file
        return run
    }

    var testDescription: String { steps == 0 ? name : "\(name), \(steps) steps" }

    func makeSampler(latentCount: Int) -> any Sampler {
        let schedule = algorithm.schedule(stepCount: steps, spacing: spacing)
        return algorithm.makeSampler(
            schedule: schedule, latentCount: latentCount, eta: eta)
    }
}
