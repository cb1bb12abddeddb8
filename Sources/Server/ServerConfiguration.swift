public import Wire

/// What a server is, and the limits it holds its connections to. What a job may ask for is the
/// scheduler's to say.
public struct ServerConfiguration: Sendable {
    public var version: String
    /// For GetInfo: OpenBLAS' kernels in use, and what they reached at the start.
    public var blasCore = ""
    public var blasGFLOPS = 0.0
    public var threadsPerLane = 1

    /// Who may come in; nil for whoever reaches the server, which then may listen on loopback only.
    public var tenants: Tenants?
    /// Whether prompts stand in the log.
    public var logsPrompts = false

    /// What a connection may send.
    public var wireLimits = ServerConnectionState.Limits()
    /// Connections open at once; nil for what the process's descriptor limit leaves.
    public var connectionMaximum: Int?

    /// A connection whose frame's header is not whole after this long is cut.
    public var headerTimeout = Duration.seconds(10)
    /// The same for the payload, from the end of the header.
    public var payloadTimeout = Duration.seconds(30)

    /// A connection with more bytes waiting than this gets only the latest progress, and is not
    /// read from, until it has caught up.
    public var outputHighWatermark = 1 << 20
    /// Caught up: this many are left.
    public var outputLowWatermark = 256 << 10
    /// A connection with more bytes waiting than this is cut.
    public var outputByteLimit = 32 << 20

    /// What all connections together may hold, of requests that are not whole and of replies that are
    /// not read. Above it the one that holds most is cut.
    public var connectionsByteLimit = 1 << 30

    /// A peer that takes nothing for this long while bytes wait for it is cut.
    public var unacknowledgedTimeout = Duration.seconds(30)

    /// Each running job's watcher hears something at least this often.
    public var progressInterval = Duration.seconds(10)
    /// How long a closing connection may take to accept what was already sent.
    public var closeTimeout = Duration.seconds(5)

    public init(version: String) {
        self.version = version
    }
}
