/// The samplers there are.
public enum SamplerAlgorithm: String, Sendable, CaseIterable {
    case euler = "Euler"
    case eulerAncestral = "Euler a"

    /// Evaluations of the model per step, save for the last step of second-order samplers.
    public var evaluationsPerStep: Int {
        switch self {
        case .euler, .eulerAncestral: 1
        }
    }

    /// The schedule of a whole generation with this sampler.
    ///
    /// - Parameter stepCount: within ``Schedule/stepCounts``.
    public func schedule(stepCount: Int, spacing: Spacing) -> Schedule {
        switch self {
        case .euler, .eulerAncestral: .overSigmas(stepCount: stepCount, spacing: spacing)
        }
    }

    /// A sampler at the start of `schedule`, which must be this algorithm's own.
    ///
    /// - Parameter latentCount: values in the latents of one image or batch.
    public func makeSampler(schedule: Schedule, latentCount: Int) -> any Sampler {
        switch self {
        case .euler: EulerSampler(schedule: schedule, latentCount: latentCount)
        case .eulerAncestral: EulerAncestralSampler(schedule: schedule, latentCount: latentCount)
        }
    }
}
