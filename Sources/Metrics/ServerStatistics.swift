/// Counts since the start, all of one instant:
/// accepted = finished + failed + cancelled + queued + running + paused.
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
    /// That have ended so, and that others may go on from.
    public var paused: Int = 0
    /// What each piece of work took.
    public var workSeconds: [Work.Kind: Histogram] = [:]
    /// How long ended jobs had waited for a lane, and how long they took with that.
    public var waitSeconds = Histogram(bounds: secondBounds)
    public var jobSeconds = Histogram(bounds: secondBounds)
    /// Open ones.
    public var connections: Int = 0
    public var connectionsOpened: UInt64 = 0
    /// By us, for what their peers did.
    public var connectionsCut: UInt64 = 0
    public var receivedBytes: UInt64 = 0
    public var sentBytes: UInt64 = 0
    /// Answered, by method and status.
    public var calls: [Call: UInt64] = [:]
    /// How long those took that do not stream.
    public var callSeconds = Histogram(bounds: [0.0001, 0.001, 0.01, 0.1, 1, 10])

    public init() {}

    public var baseSteps: UInt64 { workSeconds[.baseStep]?.count ?? 0 }
    public var baseSeconds: Double { workSeconds[.baseStep]?.sum ?? 0 }
    public var refinerSteps: UInt64 { workSeconds[.refinerStep]?.count ?? 0 }
    public var refinerSeconds: Double { workSeconds[.refinerStep]?.sum ?? 0 }

    /// From a step of a tiny model to a queue of hours.
    static let secondBounds = [
        0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000,
    ]
}

/// A kind of answered call.
public struct Call: Hashable, Sendable {
    /// Service and method, with a slash between.
    public var method: String
    /// gRPC's name of it.
    public var status: String
}
