public import Generation

/// The message that opens a call, decoded: one case for each ``Method``.
public enum CallRequest: Equatable, Sendable {
    case generate(GenerationRequest)
    case submit(GenerationRequest)
    /// Without a job: all of them.
    case watch(jobID: String?, after: UInt64)
    case getJob(String)
    case listJobs(JobFilter)
    case cancelJob(String, CancelOutcome)
    case resumeJob(ResumeRequest)
    case readImage(ImagePart)
    case uploadImage(PicturePiece)
    case listModels
    case getInfo
    case getStats
    /// The payload comes back in the reply.
    case ping([UInt8])
    /// Whose token this is, the connection is from now on.
    case authenticate(token: String)
    /// `service` is a full service name, or empty for the server as a whole.
    case checkHealth(service: String)

    public var method: Method {
        switch self {
        case .generate: .generate
        case .submit: .submit
        case .watch: .watch
        case .getJob: .getJob
        case .listJobs: .listJobs
        case .cancelJob: .cancelJob
        case .resumeJob: .resumeJob
        case .readImage: .readImage
        case .uploadImage: .uploadImage
        case .listModels: .listModels
        case .getInfo: .getInfo
        case .getStats: .getStats
        case .ping: .ping
        case .authenticate: .authenticate
        case .checkHealth: .checkHealth
        }
    }
}

/// One message of a reply, decoded.
public enum CallReply: Equatable, Sendable {
    case event(Event)
    case job(JobDescription)
    case jobs(JobPage)
    case imageChunk(ImageChunk)
    case uploaded(PictureReceipt)
    case models([ModelDescription])
    case info(ServerInfo)
    case stats(ServerStats)
    case pong([UInt8])
    case authenticated(tenant: String)
    case health(HealthStatus)

    /// Whether a call of that method may get this message.
    public func answers(_ method: Method) -> Bool {
        switch (self, method) {
        case (.event, .generate), (.event, .watch), (.job, .submit), (.job, .getJob),
            (.job, .cancelJob), (.job, .resumeJob), (.jobs, .listJobs), (.imageChunk, .readImage),
            (.uploaded, .uploadImage), (.models, .listModels), (.info, .getInfo),
            (.stats, .getStats), (.pong, .ping), (.authenticated, .authenticate),
            (.health, .checkHealth):
            true
        default: false
        }
    }
}
