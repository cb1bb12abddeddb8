import Glibc

extension Schedule {
    /// The layout of the samplers that come from k-diffusion (Euler, Heun, LMS, ...), as in
    /// diffusers' EulerDiscreteScheduler.
    ///
    /// - Parameter stepCount: within ``stepCounts``.
    public static func overSigmas(stepCount: Int, spacing: Spacing) -> Schedule {
        precondition(stepCounts.contains(stepCount))
        let noise = TrainingNoise.sdxl
        var timesteps: [Double]
        switch spacing {
        case .linspace: timesteps = linspace(stepCount)
        case .trailing: timesteps = trailing(stepCount)
        case .leading, .karras, .exponential, .beta: timesteps = leading(stepCount)
        }
        var sigmas = timesteps.map(noise.sigma(at:))
        if spacing.isOverSigmas {
            sigmas = spacing.sigmas(from: sigmas[0], to: sigmas[stepCount - 1], count: stepCount)
            timesteps = sigmas.map { Double(Float(noise.timestep(at: $0))) }
        }
        let largest = Float(sigmas[0])
        let reachesTheEnd = spacing == .trailing || spacing == .linspace
        return Schedule(
            spacing: spacing, convention: .varianceExploding, timesteps: timesteps,
            sigmas: sigmas.map { Float($0) } + [0],
            initialNoiseSigma: reachesTheEnd ? largest : (largest * largest + 1).squareRoot())
    }

    /// j * (1000 / steps) + 1, falling: SDXL's steps_offset is 1.
    static func leading(_ stepCount: Int) -> [Double] {
        let stride = TrainingNoise.timestepCount / stepCount
        return (0..<stepCount).reversed().map { Double($0 * stride + 1) }
    }

    /// 1000 - j * (1000 / steps), rounded half to even, less 1.
    static func trailing(_ stepCount: Int) -> [Double] {
        let whole = Double(TrainingNoise.timestepCount)
        let stride = whole / Double(stepCount)
        return (0..<stepCount).map { (whole - Double($0) * stride).rounded(.toNearestOrEven) - 1 }
    }

    /// 999 to 0 in even steps of float32.
    static func linspace(_ stepCount: Int) -> [Double] {
        guard stepCount > 1 else { return [0] }
        let last = Double(TrainingNoise.timestepCount - 1)
        let stride = last / Double(stepCount - 1)
        return (0..<stepCount).reversed().map { Double(Float(Double($0) * stride)) }
    }
}

extension Spacing {
    /// `count` falling sigmas, both ends included; only for the spacings over sigmas.
    func sigmas(from largest: Double, to smallest: Double, count: Int) -> [Double] {
        let ramp = (0..<count).map { count > 1 ? Double($0) / Double(count - 1) : 0 }
        switch self {
        case .leading, .trailing, .linspace:
            preconditionFailure("\(self) lays out timesteps")
        case .karras:
            let rho = 7.0
            let (start, end) = (pow(largest, 1 / rho), pow(smallest, 1 / rho))
            return ramp.map { pow(start + $0 * (end - start), rho) }
        case .exponential:
            let (start, end) = (log(largest), log(smallest))
            return ramp.map { exp(start + $0 * (end - start)) }
        case .beta:
            return ramp.map {
                smallest + BetaDistribution.quantile(1 - $0) * (largest - smallest)
            }
        }
    }
}
