/// Where the caller wants the refiner to take over, in the unit the caller chose.
public enum HandoffPoint: Equatable, Sendable {
    /// The refiner's first step, counted from 1: 2...steps.
    case step(Int)
    /// The base's share of the steps in percent: 1...99.
    case percentage(Int)
    /// The refiner runs every step whose timestep is below this: diffusers' denoising_end = 1 - t / 1000.
    case timestep(Double)
    /// The refiner runs every step whose sigma is below this.
    case sigma(Double)
}

/// The boundary between two whole steps at which the refiner takes over the base's latents: both
/// experts run at least one step, and together all of them.
public struct Handoff: Equatable, Sendable {
    public let baseSteps: Int
    public let refinerSteps: Int
    /// Of the refiner's first step.
    public let timestep: Double
    /// Of the refiner's first step: the noise in the latents it takes over.
    public let sigma: Float

    /// The refiner's first step, counted from 1.
    public var step: Int { baseSteps + 1 }

    /// The base's share of the steps in percent, exact rather than as asked for.
    public var percentage: Double { 100 * Double(baseSteps) / Double(baseSteps + refinerSteps) }

    /// Resolves `point` against the schedule that both experts share.
    public init(_ point: HandoffPoint, schedule: Schedule) throws(HandoffError) {
        let steps = schedule.stepCount
        guard steps > 1 else { throw HandoffError(point: point, reason: .tooFewSteps) }
        switch point {
        case .step(let step):
            guard (2...steps).contains(step) else {
                throw HandoffError(point: point, reason: .stepOutOfRange(steps: steps))
            }
            self.init(baseSteps: step - 1, schedule: schedule)
        case .percentage(let percentage):
            guard (1...99).contains(percentage) else {
                throw HandoffError(point: point, reason: .percentageOutOfRange)
            }
            let baseSteps = min(max(steps * percentage / 100, 1), steps - 1)
            self.init(baseSteps: baseSteps, schedule: schedule)
        case .timestep(let timestep):
            try self.init(
                point, splitting: schedule.timesteps, at: timestep, schedule: schedule)
        case .sigma(let sigma):
            try self.init(
                point, splitting: schedule.sigmas.dropLast().map(Double.init), at: sigma,
                schedule: schedule)
        }
    }

    /// The base runs the steps whose level is at or above `threshold`, the refiner those below.
    private init(
        _ point: HandoffPoint, splitting levels: [Double], at threshold: Double, schedule: Schedule
    ) throws(HandoffError) {
        let baseSteps = levels.count { $0 >= threshold }
        guard (1..<levels.count).contains(baseSteps) else {
            throw HandoffError(
                point: point,
                reason: .outsideSchedule(above: levels[levels.count - 1], upTo: levels[0]))
        }
        self.init(baseSteps: baseSteps, schedule: schedule)
    }

    private init(baseSteps: Int, schedule: Schedule) {
        self.baseSteps = baseSteps
        refinerSteps = schedule.stepCount - baseSteps
        timestep = schedule.timesteps[baseSteps]
        sigma = schedule.sigmas[baseSteps]
    }
}
