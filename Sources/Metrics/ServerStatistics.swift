/// Counts since the start, all of one instant:
/// accepted = finished + failed + cancelled + queued + running.
public struct ServerStatistics: Equatable, Sendable {
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
    /// Steps run, and the seconds they took.
    public var baseSteps: UInt64 = 0
    public var baseSeconds: Double = 0
    public var refinerSteps: UInt64 = 0
    public var refinerSeconds: Double = 0
    /// Open ones.
    public var connections: Int = 0

    public init() {}
}
