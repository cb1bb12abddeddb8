/// What a server is and allows.
public struct ServerInfo: Equatable, Sendable {
    public var version: String
    /// OpenBLAS' kernels in use, such as `SkylakeX`.
    public var blasCore: String
    /// What they reached at the start.
    public var blasGFLOPS: Double
    public var lanes: Int
    public var threadsPerLane: Int
    /// What a request that names no model gets.
    public var defaultModel: String
    public var requestByteLimit: Int
    /// The longest queue, in jobs.
    public var queueLimit: Int
    /// The largest width and height, in pixels.
    public var sideLimit: Int
    public var uptimeSeconds: Double

    public init(
        version: String, blasCore: String, blasGFLOPS: Double, lanes: Int, threadsPerLane: Int,
        defaultModel: String, requestByteLimit: Int, queueLimit: Int, sideLimit: Int,
        uptimeSeconds: Double
    ) {
        self.version = version
        self.blasCore = blasCore
        self.blasGFLOPS = blasGFLOPS
        self.lanes = lanes
        self.threadsPerLane = threadsPerLane
        self.defaultModel = defaultModel
        self.requestByteLimit = requestByteLimit
        self.queueLimit = queueLimit
        self.sideLimit = sideLimit
        self.uptimeSeconds = uptimeSeconds
    }
}

/// Counts since the server's start, of the caller's tenant alone where callers are told apart:
/// accepted = finished + failed + cancelled + queued + running + paused.
public struct ServerStats: Equatable, Sendable {
    public var accepted: UInt64
    public var finished: UInt64
    public var failed: UInt64
    public var cancelled: UInt64
    public var refused: UInt64
    /// Jobs right now.
    public var queued: Int
    public var running: Int
    public var paused: Int
    public var baseSteps: UInt64
    public var baseSeconds: Double
    public var refinerSteps: UInt64
    public var refinerSeconds: Double
    /// Open right now.
    public var connections: Int
    /// Closed for what their peers did, and those among them that spoke no ttrpc.
    public var connectionsCut: UInt64
    public var connectionsNotTTRPC: UInt64
    /// Beyond mapped files: what jobs may take together, 0 without a budget.
    public var memoryBudgetByteCount: Int
    /// What those that are started take at most, as estimated.
    public var memoryReservedByteCount: Int
    /// Of the machine, when last looked at while jobs waited; 0 before that.
    public var memoryAvailableByteCount: Int
    /// A job waits for memory.
    public var memoryHoldsBack: Bool
    /// How often that has begun.
    public var memoryHolds: UInt64

    public init(
        accepted: UInt64 = 0, finished: UInt64 = 0, failed: UInt64 = 0, cancelled: UInt64 = 0,
        refused: UInt64 = 0, queued: Int = 0, running: Int = 0, paused: Int = 0,
        baseSteps: UInt64 = 0,
        baseSeconds: Double = 0, refinerSteps: UInt64 = 0, refinerSeconds: Double = 0,
        connections: Int = 0, connectionsCut: UInt64 = 0, connectionsNotTTRPC: UInt64 = 0,
        memoryBudgetByteCount: Int = 0, memoryReservedByteCount: Int = 0,
        memoryAvailableByteCount: Int = 0, memoryHoldsBack: Bool = false, memoryHolds: UInt64 = 0
    ) {
        self.accepted = accepted
        self.finished = finished
        self.failed = failed
        self.cancelled = cancelled
        self.refused = refused
        self.queued = queued
        self.running = running
        self.paused = paused
        self.baseSteps = baseSteps
        self.baseSeconds = baseSeconds
        self.refinerSteps = refinerSteps
        self.refinerSeconds = refinerSeconds
        self.connections = connections
        self.connectionsCut = connectionsCut
        self.connectionsNotTTRPC = connectionsNotTTRPC
        self.memoryBudgetByteCount = memoryBudgetByteCount
        self.memoryReservedByteCount = memoryReservedByteCount
        self.memoryAvailableByteCount = memoryAvailableByteCount
        self.memoryHoldsBack = memoryHoldsBack
        self.memoryHolds = memoryHolds
    }
}

/// Whether a service takes calls; the numbers are grpc.health.v1's.
public enum HealthStatus: Int32, Sendable, CaseIterable {
    case unknown = 0
    case serving = 1
    case notServing = 2
    case serviceUnknown = 3
}

/// One key and value that came with a Request. Keys are lower case and may repeat.
public struct MetadataEntry: Equatable, Sendable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
