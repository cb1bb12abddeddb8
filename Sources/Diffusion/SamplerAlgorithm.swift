/// The samplers there are; the raw value is the name to show.
public enum SamplerAlgorithm: String, Sendable, CaseIterable {
    case euler = "Euler"
    case eulerAncestral = "Euler a"
    case heun = "Heun"
    case lms = "LMS"
    case dpm2 = "KDPM2"
    case dpm2Ancestral = "KDPM2 a"
    case dpmPlusPlus2M = "DPM++ 2M"
    case dpmPlusPlus2MSDE = "DPM++ 2M SDE"
    case dpmPlusPlus3M = "DPM++ 3M"
    case dpmPlusPlus2S = "DPM++ 2S"
    case dpmPlusPlusSDE = "DPM++ SDE"
    case uniPC = "UniPC"
    case uniPC3M = "UniPC 3M"
    case deis = "DEIS"
    case ddim = "DDIM"
    case ddpm = "DDPM"
    case pndm = "PNDM"
    case lcm = "LCM"
    case tcd = "TCD"

    /// The spacings that make sense with it, its usual one first.
    public var spacings: [Spacing] {
        switch self {
        case .euler, .heun, .lms, .dpm2, .dpm2Ancestral, .dpmPlusPlus2M, .dpmPlusPlus2MSDE,
            .dpmPlusPlus3M, .dpmPlusPlusSDE, .uniPC, .uniPC3M:
            [.leading, .trailing, .linspace, .karras, .exponential, .beta]
        case .dpmPlusPlus2S: [.linspace, .karras, .exponential, .beta]
        case .eulerAncestral, .deis, .ddpm: [.leading, .trailing, .linspace]
        case .ddim: [.leading, .trailing]
        case .pndm: [.leading]
        // Distilled models know their own timesteps only.
        case .lcm, .tcd: [.trailing]
        }
    }

    public var usualSpacing: Spacing { spacings[0] }

    /// Evaluations of the model per step. The last step of a second-order sampler takes one, and
    /// PNDM's first takes two.
    public var evaluationsPerStep: Int {
        switch self {
        case .heun, .dpm2, .dpm2Ancestral, .dpmPlusPlusSDE: 2
        default: 1
        }
    }

    /// Whether ``makeSampler(schedule:latentCount:eta:)`` heeds `eta`.
    public var takesEta: Bool { self == .ddim || self == .tcd }

    /// The schedule of a whole generation with this sampler.
    ///
    /// - Parameters:
    ///   - stepCount: within ``Schedule/stepCounts``.
    ///   - spacing: one of ``spacings``.
    public func schedule(stepCount: Int, spacing: Spacing) -> Schedule {
        precondition(Schedule.stepCounts.contains(stepCount), "\(stepCount) steps")
        precondition(spacings.contains(spacing), "\(rawValue) has no \(spacing) spacing")
        return switch self {
        case .euler, .eulerAncestral, .heun, .lms, .dpmPlusPlusSDE:
            .kDiffusion(stepCount: stepCount, spacing: spacing)
        case .dpm2, .dpm2Ancestral:
            .kDiffusion(stepCount: stepCount, spacing: spacing, roundsKarras: true)
        case .dpmPlusPlus2M, .dpmPlusPlus2MSDE, .dpmPlusPlus3M, .dpmPlusPlus2S, .uniPC, .uniPC3M:
            .dpmSolver(stepCount: stepCount, spacing: spacing)
        case .deis: .dpmSolver(stepCount: stepCount, spacing: spacing, endsAtZero: false)
        case .ddim, .pndm: .ddim(stepCount: stepCount, spacing: spacing, endsAtZero: false)
        case .ddpm: .ddim(stepCount: stepCount, spacing: spacing, endsAtZero: true)
        case .lcm: .consistency(stepCount: stepCount, endsAtZero: true)
        case .tcd: .consistency(stepCount: stepCount, endsAtZero: false)
        }
    }

    /// A sampler at the start of `schedule`, which must be this algorithm's own.
    ///
    /// - Parameters:
    ///   - latentCount: values in the latents of one image or batch.
    ///   - eta: how much fresh noise DDIM (0...1, usually 0) and TCD (0...1, usually 0.3) add; the
    ///     others have no use for it.
    public func makeSampler(
        schedule: Schedule, latentCount count: Int, eta: Double? = nil
    ) -> any Sampler {
        switch self {
        case .euler: EulerSampler(schedule: schedule, latentCount: count)
        case .eulerAncestral: EulerAncestralSampler(schedule: schedule, latentCount: count)
        case .heun: HeunSampler(schedule: schedule, latentCount: count)
        case .lms: LMSSampler(schedule: schedule, latentCount: count)
        case .dpm2: KDPM2Sampler(schedule: schedule, latentCount: count, isAncestral: false)
        case .dpm2Ancestral:
            KDPM2Sampler(schedule: schedule, latentCount: count, isAncestral: true)
        case .dpmPlusPlus2M:
            DPMMultistepSampler(
                schedule: schedule, latentCount: count, order: 2, isStochastic: false)
        case .dpmPlusPlus2MSDE:
            DPMMultistepSampler(
                schedule: schedule, latentCount: count, order: 2, isStochastic: true)
        case .dpmPlusPlus3M:
            DPMMultistepSampler(
                schedule: schedule, latentCount: count, order: 3, isStochastic: false)
        case .dpmPlusPlus2S: DPMSinglestepSampler(schedule: schedule, latentCount: count)
        case .dpmPlusPlusSDE: DPMSDESampler(schedule: schedule, latentCount: count)
        case .uniPC: UniPCSampler(schedule: schedule, latentCount: count, order: 2)
        case .uniPC3M: UniPCSampler(schedule: schedule, latentCount: count, order: 3)
        case .deis: DEISSampler(schedule: schedule, latentCount: count)
        case .ddim: DDIMSampler(schedule: schedule, latentCount: count, eta: eta ?? 0)
        case .ddpm: DDPMSampler(schedule: schedule, latentCount: count)
        case .pndm: PNDMSampler(schedule: schedule, latentCount: count)
        case .lcm: LCMSampler(schedule: schedule, latentCount: count)
        case .tcd: TCDSampler(schedule: schedule, latentCount: count, eta: eta ?? 0.3)
        }
    }
}
