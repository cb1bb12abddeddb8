/// Counts of some jobs, all of one instant:
/// accepted = finished + failed + cancelled + queued + running + paused.
public struct JobCounts: Equatable, Sendable {
    public var accepted: UInt64 = 0
    public var finished: UInt64 = 0
    /// Among them those whose deadline passed.
    public var failed: UInt64 = 0
    /// By their callers, or because the server stopped.
    public var cancelled: UInt64 = 0
    /// Submissions that never became jobs; not among the accepted.
    public var refused: UInt64 = 0
    public var queued: Int = 0
    public var running: Int = 0
    /// That have ended so, and that others may go on from.
    public var paused: Int = 0
    public var baseSteps: UInt64 = 0
    public var baseSeconds = 0.0
    public var refinerSteps: UInt64 = 0
    public var refinerSeconds = 0.0

    public init() {}

    static func += (sum: inout JobCounts, other: JobCounts) {
        sum.accepted += other.accepted
        sum.finished += other.finished
        sum.failed += other.failed
        sum.cancelled += other.cancelled
        sum.refused += other.refused
        sum.queued += other.queued
        sum.running += other.running
        sum.paused += other.paused
        sum.baseSteps += other.baseSteps
        sum.baseSeconds += other.baseSeconds
        sum.refinerSteps += other.refinerSteps
        sum.refinerSeconds += other.refinerSeconds
    }

    mutating func add(_ work: Work, seconds: Double) {
        switch work.kind {
        case .baseStep: (baseSteps, baseSeconds) = (baseSteps + 1, baseSeconds + seconds)
        case .refinerStep:
            (refinerSteps, refinerSeconds) = (refinerSteps + 1, refinerSeconds + seconds)
        case .textEncoding, .imageEncoding, .decoding, .expertSwitch: break
        }
    }
}
