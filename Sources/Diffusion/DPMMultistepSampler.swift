import Glibc

/// DPM-Solver++ with earlier predictions of the picture (Lu et al. 2022b, algorithm 2, "2M"; and its
/// third-order kin), as an ordinary or a stochastic equation. Diffusers' DPMSolverMultistepScheduler,
/// midpoint for second order.
///
/// The first step after a start or reset is of first order, the second at most of second. The last step
/// is of first order, and in runs of fewer than 15 steps, whose steps are long, the last but one at most
/// of second: to go on with a curve would overshoot there.
struct DPMMultistepSampler: Sampler {
    private static let shortRun = 15

    let schedule: Schedule
    /// The last predictions of the picture, newest first; then room for noise.
    var history: SamplerHistory
    private let order: Int
    private let isStochastic: Bool

    /// - Parameters:
    ///   - order: 2 or 3; 2 when stochastic.
    ///   - isStochastic: draws noise at every step, the last one too.
    init(schedule: Schedule, latentCount: Int, order: Int, isStochastic: Bool) {
        precondition(order == 2 || order == 3 && !isStochastic)
        self.schedule = schedule
        self.order = order
        self.isStochastic = isStochastic
        history = SamplerHistory(bufferCount: order + 1, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        let (start, end) = (schedule.level(step), schedule.level(step + 1))
        history.rotate(order)
        history.buffers[0].setPicture(latents, prediction, at: start)

        let h = end.lambda - start.lambda
        let weights = weights(h)
        if isStochastic {
            noise.fill(&history.buffers[order])
            latents.combine(
                end.sigma / start.sigma * exp(-h),
                plus: end.sigma * (-expm1(-2 * h)).squareRoot(), history.buffers[order])
        } else {
            latents.scale(end.sigma / start.sigma)
        }
        latents.add(end.alpha * weights.newest, history.buffers[0])
        if currentOrder > 1 { latents.add(end.alpha * weights.second, history.buffers[1]) }
        if currentOrder > 2 { latents.add(end.alpha * weights.third, history.buffers[2]) }
        history.finishStage(of: 1)
    }

    private var currentOrder: Int {
        let left = schedule.stepCount - step
        let allowed = left == 1 ? 1 : left == 2 && schedule.stepCount < Self.shortRun ? 2 : order
        return min(history.depth + 1, allowed)
    }

    /// What the last predictions count, newest first, for a step of `h` in lambda: the integral over
    /// the step of a constant, and with finite differences of a line or a parabola, through them.
    private func weights(_ h: Double) -> (newest: Double, second: Double, third: Double) {
        let decay = expm1(isStochastic ? -2 * h : -h)
        guard currentOrder > 1 else { return (-decay, 0, 0) }

        let lambdas = (schedule.level(step).lambda, schedule.level(step - 1).lambda)
        let ratio = (lambdas.0 - lambdas.1) / h
        guard currentOrder > 2 else {
            return (-decay - 0.5 * decay / ratio, 0.5 * decay / ratio, 0)
        }
        let earlier = (lambdas.1 - schedule.level(step - 2).lambda) / h
        // The weights of the first and second derivative, diffusers' D1 and D2.
        let first = decay / h + 1
        let second = 0.5 - (decay + h) / (h * h)
        // As weights of the differences between the last two pictures, and the two before.
        let bend = (first * ratio + second) / (ratio + earlier)
        let recent = (first + bend) / ratio
        let former = -bend / earlier
        return (-decay + recent, former - recent, -former)
    }
}
