extension Sampler {
    /// Begins in the middle of the schedule, as if it had been reset there.
    ///
    /// - Precondition: no step has been taken, and `step` is one of the schedule's.
    public mutating func begin(at step: Int) {
        precondition(history.step == 0 && isBetweenSteps, "a sampler begins before its first step")
        precondition((0..<schedule.stepCount).contains(step), "step \(step) of the schedule")
        history.step = step
        reset()
    }
}
