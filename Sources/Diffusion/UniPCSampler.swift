import Glibc

/// UniPC (Zhao et al. 2023), predicting the picture, with B(h) = exp(-h) - 1 ("bh2"): each new prediction
/// first corrects the step before it at no cost, then a multistep method of order 2 or 3 goes on.
/// Diffusers' UniPCMultistepScheduler. After a start or reset the order rises from 1, and falls to 1
/// towards the end.
struct UniPCSampler: Sampler {
    let schedule: Schedule
    /// The last predictions of the picture, newest first; room for one; the corrected latents at the
    /// start of the last step.
    var history: SamplerHistory
    private let order: Int
    private var fresh: Int { order }
    private var lastStart: Int { order + 1 }

    /// - Parameter order: 2 or 3.
    init(schedule: Schedule, latentCount: Int, order: Int) {
        precondition((2...3).contains(order))
        self.schedule = schedule
        self.order = order
        history = SamplerHistory(bufferCount: order + 2, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        history.buffers[fresh].setPicture(latents, prediction, at: schedule.level(step))
        if history.depth > 0 { correct(&latents) }
        // The fresh picture becomes the newest, the oldest makes room.
        history.rotate(order + 1)
        history.buffers[lastStart].copy(latents)
        predict(&latents)
        history.finishStage(of: 1)
    }

    /// The order of the method on `step`, whose history held `depth` pictures.
    private func order(step: Int, depth: Int) -> Int {
        min(order, schedule.stepCount - step, depth + 1)
    }

    /// Goes the last step anew, now that the picture at its end is known.
    private func correct(_ latents: inout [Float]) {
        let step = UniPCStep(schedule, from: step - 1, towards: step)
        let order = order(step: self.step - 1, depth: history.depth - 1)
        let (b1, b2, b3) = step.moments
        var weights: (second: Double, third: Double, fresh: Double) = (0, 0, 0.5)
        if order == 2 {
            weights.second = (b1 - b2) / (1 - step.ratio(1))
            weights.fresh = b1 - weights.second
        } else if order == 3 {
            let (r1, r2) = (step.ratio(1), step.ratio(2))
            let (c1, c2) = (b2 - b1, b3 - b1)
            weights.third = (c2 - (r1 + 1) * c1) / ((r2 - 1) * (r2 - r1))
            weights.second = (c1 - (r2 - 1) * weights.third) / (r1 - 1)
            weights.fresh = b1 - weights.second - weights.third
        }
        step.apply(
            &latents, from: history.buffers[lastStart], pictures: history.buffers, order: order,
            second: weights.second, third: weights.third)
        latents.add(step.slope * weights.fresh, history.buffers[fresh])
        latents.add(-step.slope * weights.fresh, history.buffers[0])
    }

    private func predict(_ latents: inout [Float]) {
        let step = UniPCStep(schedule, from: step, towards: step + 1)
        let order = order(step: self.step, depth: history.depth)
        var weights: (second: Double, third: Double) = (0.5, 0)
        if order == 3 {
            let (r1, r2) = (step.ratio(1), step.ratio(2))
            let (b1, b2, _) = step.moments
            weights.third = (b2 - r1 * b1) / (r2 - r1)
            weights.second = b1 - weights.third
        }
        step.apply(
            &latents, from: history.buffers[lastStart], pictures: history.buffers, order: order,
            second: weights.second, third: weights.third)
    }
}

/// What predictor and corrector share: the update over one step, in the paper's names.
private struct UniPCStep {
    private let schedule: Schedule
    private let start: Int
    private let first: NoiseLevel
    private let last: NoiseLevel
    /// The step in lambda.
    private let h: Double
    /// exp(-h) - 1, which is also B(h).
    private let decay: Double

    init(_ schedule: Schedule, from start: Int, towards end: Int) {
        self.schedule = schedule
        self.start = start
        first = schedule.level(start)
        last = schedule.level(end)
        h = last.lambda - first.lambda
        decay = expm1(-h)
    }

    /// What differences of pictures are multiplied by: -alpha B(h).
    var slope: Double { -last.alpha * decay }

    /// How far before the start the `age`-th earlier picture was, in steps; negative.
    func ratio(_ age: Int) -> Double { (schedule.level(start - age).lambda - first.lambda) / h }

    /// The vector b of the order conditions (equation 8).
    var moments: (Double, Double, Double) {
        let phi2 = decay / -h - 1
        let phi3 = phi2 / -h - 0.5
        let phi4 = phi3 / -h - 1 / 6
        return (phi2 / decay, phi3 * 2 / decay, phi4 * 6 / decay)
    }

    /// The step of first order from `origin`, and the differences of earlier pictures to the newest.
    func apply(
        _ latents: inout [Float], from origin: [Float], pictures: [[Float]], order: Int,
        second: Double, third: Double
    ) {
        latents.copy(origin)
        latents.combine(last.sigma / first.sigma, plus: slope, pictures[0])
        if order > 1 { addDifference(&latents, second / ratio(1), pictures[1], pictures[0]) }
        if order > 2 { addDifference(&latents, third / ratio(2), pictures[2], pictures[0]) }
    }

    private func addDifference(
        _ latents: inout [Float], _ weight: Double, _ earlier: [Float], _ newest: [Float]
    ) {
        latents.add(slope * weight, earlier)
        latents.add(-slope * weight, newest)
    }
}
