/// The linear multistep method (Adams-Bashforth on uneven steps): the last four predictions are
/// joined by a polynomial, which is integrated over the step. Diffusers' LMSDiscreteScheduler, order 4.
///
/// After a reset the polynomial still has the degree of the whole run, while the predictions before
/// the reset are missing from the sum: that is what a second diffusers pipeline does, though the
/// coefficients then do not add up to the step. KEEP does not have this fault.
struct LMSSampler: Sampler {
    private static let order = 4

    let schedule: Schedule
    /// The last predictions, newest first.
    var history: SamplerHistory

    init(schedule: Schedule, latentCount: Int) {
        self.schedule = schedule
        history = SamplerHistory(bufferCount: Self.order, latentCount: latentCount)
    }

    var evaluation: Evaluation? { evaluation(at: step) }

    mutating func advance(
        _ latents: inout [Float], prediction: Span<Float>, noise: inout some NoiseSource
    ) {
        history.rotate(Self.order)
        history.buffers[0].copy(prediction)
        let order = min(step + 1, Self.order)
        for age in 0..<min(history.depth + 1, order) {
            latents.add(coefficient(age: age, order: order), history.buffers[age])
        }
        history.finishStage(of: 1)
    }

    /// The integral over this step of the polynomial that is 1 at the sigma `age` steps ago and 0 at
    /// the other `order - 1`: by Simpson's rule, which is exact for cubics.
    private func coefficient(age: Int, order: Int) -> Double {
        func basis(_ sigma: Double) -> Double {
            var product = 1.0
            for other in 0..<order where other != age {
                let root = schedule.sigma(step - other)
                product *= (sigma - root) / (schedule.sigma(step - age) - root)
            }
            return product
        }
        let (start, end) = (schedule.sigma(step), schedule.sigma(step + 1))
        let sum = basis(start) + 4 * basis((start + end) / 2) + basis(end)
        return (end - start) / 6 * sum
    }
}
