/// Counts since the start, all of one instant.
public struct ServerStatistics: Equatable, Sendable {
    /// By tenant; of nobody in particular under the empty name.
    public internal(set) var tenants: [String: JobCounts] = [:]
    /// Of all tenants together.
    public var jobs: JobCounts { tenants.values.reduce(into: JobCounts(), +=) }
    /// What each piece of work took.
    public var workSeconds: [Work.Kind: Histogram] = [:]
    /// How long ended jobs had waited for a lane, and how long they took with that.
    public var waitSeconds = Histogram(bounds: secondBounds)
    public var jobSeconds = Histogram(bounds: secondBounds)
    /// Open ones.
    public var connections: Int = 0
    public var connectionsOpened: UInt64 = 0
    /// By us, for what their peers did.
    public var connectionsCut: [CutCause: UInt64] = [:]
    public var receivedBytes: UInt64 = 0
    public var sentBytes: UInt64 = 0
    /// Answered, by method and status.
    public var calls: [Call: UInt64] = [:]
    /// How long those took that do not stream.
    public var callSeconds = Histogram(bounds: [0.0001, 0.001, 0.01, 0.1, 1, 10])

    public init() {}

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

/// What a peer did to have its connection closed.
public enum CutCause: String, CaseIterable, Sendable {
    /// A frame began with a byte that no frame begins with.
    case notTTRPC = "not_ttrpc"
    /// A frame was begun and not finished in time.
    case unfinishedFrame = "unfinished_frame"
    /// Too much waited for the peer to read, or anything for too long.
    case unread
    /// It held the most while all connections together held too much.
    case greediest
}
