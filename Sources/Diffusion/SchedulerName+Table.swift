extension SchedulerName {
    typealias Entry = (name: String, algorithm: SamplerAlgorithm, spacing: Spacing)

    /// The public parameter contract's names for Stable Diffusion models, diffusers' class names, and
    /// every algorithm's own name; a spacing other than the algorithm's usual one is named after it.
    static let table: [Entry] =
        [("Default", .euler, .leading)]
        + families.flatMap { name, algorithm in
            algorithm.spacings.map { spacing in
                (name + suffix(spacing, of: algorithm), algorithm, spacing)
            }
        }
        + classes.map { name, algorithm in (name, algorithm, algorithm.usualSpacing) }

    private static let families: [(String, SamplerAlgorithm)] =
        SamplerAlgorithm.allCases.map { ($0.rawValue, $0) }
        + [("DPM++", .dpmPlusPlus2M), ("UniPC 2M", .uniPC)]

    private static let classes: [(String, SamplerAlgorithm)] = [
        ("EulerDiscreteScheduler", .euler),
        ("EulerAncestralDiscreteScheduler", .eulerAncestral),
        ("HeunDiscreteScheduler", .heun),
        ("LMSDiscreteScheduler", .lms),
        ("KDPM2DiscreteScheduler", .dpm2),
        ("KDPM2AncestralDiscreteScheduler", .dpm2Ancestral),
        ("DPMSolverMultistepScheduler", .dpmPlusPlus2M),
        ("DPMSolverSinglestepScheduler", .dpmPlusPlus2S),
        ("DPMSolverSDEScheduler", .dpmPlusPlusSDE),
        ("UniPCMultistepScheduler", .uniPC),
        ("DEISMultistepScheduler", .deis),
        ("DDIMScheduler", .ddim),
        ("DDPMScheduler", .ddpm),
        ("PNDMScheduler", .pndm),
        ("LCMScheduler", .lcm),
        ("TCDScheduler", .tcd),
    ]

    /// Names of the contract that cannot work here, and why.
    static let unsupported: [(name: String, reason: String)] = [
        ("EDMEulerScheduler", edm),
        ("EDMDPMSolverMultistepScheduler", edm),
        ("FlowMatchEulerDiscreteScheduler", "is for flow-matching models, which SDXL is not"),
        ("DPMSolverMultistepInverse", "turns pictures into noise and makes none"),
        ("IPNDMScheduler", ipndm),
        ("IPNDM", ipndm),
        ("IPNDM Uniform", ipndm),
        ("IPNDM Beta", ipndm),
        ("IPNDM Exponential", ipndm),
    ]

    private static let edm = "is for models trained with EDM's noise, which SDXL was not"
    private static let ipndm = "runs on noise levels of its own, which SDXL was not trained on"

    private static func suffix(_ spacing: Spacing, of algorithm: SamplerAlgorithm) -> String {
        guard spacing != algorithm.usualSpacing else { return "" }
        return switch spacing {
        case .leading: " Leading"
        case .trailing: " Trailing"
        case .linspace: " Uniform"
        case .karras: " Karras"
        case .exponential: " Exponential"
        case .beta: " Beta"
        }
    }
}
