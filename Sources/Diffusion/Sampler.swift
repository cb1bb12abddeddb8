/// One way to walk down a schedule. A value that the caller advances: it asks for one evaluation of
/// the model at a time and takes the guided prediction.
///
///     while let evaluation = sampler.evaluation {
///         // scale a copy of the latents by evaluation.inputScale, run the model at evaluation.timestep
///         sampler.advance(&latents, prediction: prediction, noise: &noise)
///     }
///
/// Most samplers take one evaluation per step, second-order ones two; only when ``isBetweenSteps`` may
/// another expert take over. Copying a sampler (with the latents and the noise source) forks the
/// generation. Nothing is allocated in `advance`, save the first after a fork.
public protocol Sampler: Sendable {
    var schedule: Schedule { get }

    /// Everything that changes from call to call; store and restore it to resume.
    var history: SamplerHistory { get set }

    /// The evaluation of the model wanted next, or nil once the last step is done.
    var evaluation: Evaluation? { get }

    /// Takes the guided noise prediction of ``evaluation`` and moves the latents on, in place.
    ///
    /// - Parameters:
    ///   - latents: as many values as the sampler was made for, not scaled for the model.
    ///   - prediction: of the same count.
    ///   - noise: drawn from only by ancestral and SDE samplers.
    /// - Precondition: ``evaluation`` is not nil.
    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource)
}

extension Sampler {
    /// As above, for a prediction held in an array.
    public mutating func advance(
        _ latents: inout [Float], prediction: [Float], noise: inout some NoiseSource
    ) {
        advance(&latents, prediction: prediction.span, noise: &noise)
    }

    /// Whole steps done, 0...stepCount.
    public var step: Int { history.step }

    /// Whether the latents stand at a boundary between two whole steps, where a handoff may fall.
    public var isBetweenSteps: Bool { history.stage == 0 }

    /// Forgets earlier predictions, as a second diffusers pipeline with a scheduler of its own would
    /// at the handoff. Only between steps.
    public mutating func reset() {
        precondition(isBetweenSteps, "a sampler is reset between whole steps only")
        history.firstStep = history.step
    }

    /// An evaluation at the level where a step starts, or nil past the last.
    func evaluation(at step: Int) -> Evaluation? {
        guard step < schedule.stepCount else { return nil }
        return evaluation(timestep: schedule.timesteps[step], sigma: schedule.sigma(step))
    }

    /// An evaluation between two steps of the schedule.
    func evaluation(atSigma sigma: Double) -> Evaluation {
        evaluation(timestep: TrainingNoise.sdxl.timestep(at: sigma), sigma: sigma)
    }

    private func evaluation(timestep: Double, sigma: Double) -> Evaluation {
        Evaluation(
            timestep: timestep, sigma: Float(sigma),
            inputScale: Float(schedule.inputScale(at: sigma)))
    }
}

/// One evaluation of the model that a sampler wants.
public struct Evaluation: Equatable, Sendable {
    /// Of the training, 0...999, not always whole.
    public let timestep: Double
    public let sigma: Float
    /// What the latents are multiplied by for the model.
    public let inputScale: Float
}
