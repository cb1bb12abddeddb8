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

    /// Leaves out the steps up to `step`, as if it had been reset there: the latents are the caller's to
    /// bring to that level. Past the last step it is done.
    public mutating func leap(to step: Int) {
        precondition(isBetweenSteps, "a sampler leaps between whole steps only")
        precondition((history.step...schedule.stepCount).contains(step), "it leaps forwards")
        history.step = step
        reset()
    }
}
