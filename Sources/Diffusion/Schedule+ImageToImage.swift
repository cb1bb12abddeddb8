// Starting from a picture: the schedule's last steps, from latents that hold as much noise as the
// first of them expects.
extension Schedule {
    /// How many of `steps` are run at this strength: floor(steps * strength), as diffusers'
    /// image-to-image pipelines count (`get_timesteps`).
    ///
    /// - Parameter strength: 0...1.
    public static func stepsRun(of steps: Int, strength: Double) -> Int {
        min(Int(Double(steps) * strength), steps)
    }

    /// What is left after `count` steps. For telling and for finding the handoff; a sampler is made
    /// for the whole schedule, since some of them look back at it, and begins later in it
    /// (``Sampler/begin(at:)``).
    ///
    /// - Precondition: at least one step is left.
    public func dropFirst(_ count: Int) -> Schedule {
        precondition((0..<stepCount).contains(count), "\(count) of \(stepCount) steps dropped")
        return Schedule(
            spacing: spacing, convention: convention, timesteps: Array(timesteps.dropFirst(count)),
            sigmas: Array(sigmas.dropFirst(count)), initialNoiseSigma: initialNoiseSigma)
    }

    /// The factors of a clean picture's latents and of unit noise whose sum is what this schedule's
    /// samplers expect at `sigma`: diffusers' `add_noise`.
    public func mixture(at sigma: Float) -> (picture: Float, noise: Float) {
        switch convention {
        case .varianceExploding: return (1, sigma)
        case .variancePreserving:
            let picture = 1 / (sigma * sigma + 1).squareRoot()
            return (picture, sigma * picture)
        }
    }
}
