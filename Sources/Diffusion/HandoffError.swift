/// A handoff that would leave one of the two experts without a step.
public struct HandoffError: Error, Equatable, Sendable {
    /// What was asked for.
    public let point: HandoffPoint
    public let reason: Reason

    public enum Reason: Equatable, Sendable {
        case tooFewSteps
        case stepOutOfRange(steps: Int)
        case percentageOutOfRange
        /// Timesteps or sigmas (whichever was given) that split this schedule.
        case outsideSchedule(above: Double, upTo: Double)
    }

    public init(point: HandoffPoint, reason: Reason) {
        self.point = point
        self.reason = reason
    }
}

extension HandoffError: CustomStringConvertible {
    /// What was wrong, what is allowed, what to do.
    public var description: String {
        switch reason {
        case .tooFewSteps:
            "1 step cannot be split between base and refiner: ask for at least 2 steps, "
                + "or leave the refiner out"
        case .stepOutOfRange(let steps):
            "the refiner cannot start at \(named): of \(steps) steps it can start at 2 "
                + "(the base runs 1) to \(steps) (the refiner runs 1)"
        case .percentageOutOfRange:
            "the refiner cannot start at \(named): it can start at 1 to 99 percent of the steps; "
                + "80 to 95 suits it best"
        case .outsideSchedule(let lowest, let highest):
            "the refiner cannot start at \(named): it would leave the base or the refiner without "
                + "a step; on this schedule it must be above \(lowest) (the refiner's last step) "
                + "and at most \(highest) (the base's first)"
        }
    }

    private var named: String {
        switch point {
        case .step(let step): "step \(step)"
        case .percentage(let percentage): "\(percentage) percent"
        case .timestep(let timestep): "timestep \(timestep)"
        case .sigma(let sigma): "sigma \(sigma)"
        }
    }
}
