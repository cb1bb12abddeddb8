/// The layouts of diffusers' scheduler classes, whose users know their timesteps. `stepCount` is
/// always within ``Schedule/stepCounts``.
extension Schedule {
    /// The layout of the samplers that come from k-diffusion (Euler, Heun, LMS, ...): ends at zero.
    ///
    /// - Parameter roundsKarras: Karras' timesteps are whole, as KDPM2 has them.
    static func kDiffusion(stepCount: Int, spacing: Spacing, roundsKarras: Bool = false) -> Self {
        var timesteps: [Double]
        switch spacing {
        case .linspace: timesteps = linspace(stepCount).map { Double(Float($0)) }
        case .trailing: timesteps = trailing(stepCount)
        case .leading, .karras, .exponential, .beta: timesteps = leading(stepCount)
        }
        let noise = TrainingNoise.sdxl
        var sigmas = timesteps.map(noise.sigma(at:))
        if spacing.isOverSigmas {
            sigmas = spacing.sigmas(from: sigmas[0], to: sigmas[stepCount - 1], count: stepCount)
            timesteps = sigmas.map { Double(Float(noise.timestep(at: $0))) }
            if spacing == .karras, roundsKarras { timesteps = timesteps.map(roundedToEven) }
        }
        let largest = Float(sigmas[0])
        let reachesTheTop = spacing == .trailing || spacing == .linspace
        return Schedule(
            spacing: spacing, convention: .varianceExploding, timesteps: timesteps,
            sigmas: sigmas.map { Float($0) } + [0],
            initialNoiseSigma: reachesTheTop ? largest : (largest * largest + 1).squareRoot())
    }

    /// The layout of the DPM-Solver++ family: one more point than steps over the whole range, the last
    /// of which is dropped, and whole timesteps.
    ///
    /// - Parameter endsAtZero: the last step removes all noise; otherwise down to timestep 0's.
    static func dpmSolver(stepCount: Int, spacing: Spacing, endsAtZero: Bool = true) -> Self {
        let noise = TrainingNoise.sdxl
        let points: [Double] =
            switch spacing {
            case .leading: leading(stepCount + 1).dropLast()
            case .trailing: trailing(stepCount)
            case .linspace: linspace(stepCount + 1).dropLast().map(roundedToEven)
            case .karras, .exponential, .beta: []
            }
        let sigmas =
            spacing.isOverSigmas
            ? spacing.sigmas(
                from: noise.sigmas[noise.sigmas.count - 1], to: noise.sigmas[0], count: stepCount)
            : points.map(noise.sigma(at:))
        // Diffusers rounds Karras' timesteps and cuts off those of the others.
        let rule = spacing == .karras ? FloatingPointRoundingRule.toNearestOrEven : .towardZero
        let timesteps =
            spacing.isOverSigmas ? sigmas.map { noise.timestep(at: $0).rounded(rule) } : points
        return Schedule(
            spacing: spacing, convention: .variancePreserving, timesteps: timesteps,
            sigmas: sigmas.map { Float($0) } + [endsAtZero ? 0 : Float(noise.sigmas[0])],
            initialNoiseSigma: 1)
    }

    /// The layout of DDIM and its kin: whole timesteps.
    ///
    /// - Parameter endsAtZero: the last step removes all noise; otherwise down to timestep 0's.
    static func ddim(stepCount: Int, spacing: Spacing, endsAtZero: Bool) -> Self {
        switch spacing {
        case .leading: ddim(leading(stepCount), spacing, endsAtZero)
        case .trailing: ddim(trailing(stepCount), spacing, endsAtZero)
        case .linspace: ddim(linspace(stepCount).map(roundedToEven), spacing, endsAtZero)
        case .karras, .exponential, .beta: preconditionFailure("\(spacing) has no whole timesteps")
        }
    }

    /// The layout of the consistency samplers: every so many of the 50 timesteps they were distilled on
    /// (of as many as there are steps, beyond 50), from 999 down.
    static func consistency(stepCount: Int, endsAtZero: Bool) -> Self {
        let distilled = max(50, stepCount)
        let stride = TrainingNoise.timestepCount / distilled
        let timesteps = (0..<stepCount).map { step in
            Double((distilled - step * distilled / stepCount) * stride - 1)
        }
        return ddim(timesteps, .trailing, endsAtZero)
    }

    private static func ddim(
        _ timesteps: [Double], _ spacing: Spacing, _ endsAtZero: Bool
    ) -> Self {
        let table = TrainingNoise.sdxl.sigmas
        return Schedule(
            spacing: spacing, convention: .variancePreserving, timesteps: timesteps,
            sigmas: timesteps.map { Float(table[Int($0)]) } + [endsAtZero ? 0 : Float(table[0])],
            initialNoiseSigma: 1)
    }

    // MARK: Timesteps

    /// j * (1000 / count) + 1, falling: SDXL's steps_offset is 1.
    private static func leading(_ count: Int) -> [Double] {
        let stride = TrainingNoise.timestepCount / count
        return (0..<count).reversed().map { Double($0 * stride + 1) }
    }

    /// 1000 - j * (1000 / count), rounded half to even, less 1.
    private static func trailing(_ count: Int) -> [Double] {
        let whole = Double(TrainingNoise.timestepCount)
        let stride = whole / Double(count)
        return (0..<count).map { roundedToEven(whole - Double($0) * stride) - 1 }
    }

    /// 999 to 0 in even steps; one alone is 0.
    private static func linspace(_ count: Int) -> [Double] {
        let last = Double(TrainingNoise.timestepCount - 1)
        let stride = count > 1 ? last / Double(count - 1) : 0
        return (0..<count).reversed().map { Double($0) * stride }
    }

    private static func roundedToEven(_ value: Double) -> Double {
        value.rounded(.toNearestOrEven)
    }
}
