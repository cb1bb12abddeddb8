public import Generation

/// How a job ended, of whichever tenant, for logs.
public struct JobEnding: Sendable {
    public var id: JobID
    public var description: JobDescription
    /// From its acceptance until a lane took it up, or to its end.
    public var waited: Duration
    /// From its acceptance to its end.
    public var total: Duration
}
