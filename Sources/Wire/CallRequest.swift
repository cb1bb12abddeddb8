public import Generation

/// The message that opens a call, decoded: one case for each ``Method``.
public enum CallRequest: Equatable, Sendable {
    case generate(GenerationRequest)
    case uploadImage(PicturePiece)
    case listModels
    case getInfo
    case getStats
    /// The payload comes back in the reply.
    case ping([UInt8])
    /// `service` is a full service name, or empty for the server as a whole.
    case checkHealth(service: String)

    public var method: Method {
        switch self {
        case .generate: .generate
        case .uploadImage: .uploadImage
        case .listModels: .listModels
        case .getInfo: .getInfo
        case .getStats: .getStats
        case .ping: .ping
        case .checkHealth: .checkHealth
        }
    }
}

/// One message of a reply, decoded: one case for each ``Method``.
public enum CallReply: Equatable, Sendable {
    case event(Event)
    case uploaded(PictureReceipt)
    case models([ModelDescription])
    case info(ServerInfo)
    case stats(ServerStats)
    case pong([UInt8])
    case health(HealthStatus)

    /// The method this message answers.
    public var method: Method {
        switch self {
        case .event: .generate
        case .uploaded: .uploadImage
        case .models: .listModels
        case .info: .getInfo
        case .stats: .getStats
        case .pong: .ping
        case .health: .checkHealth
        }
    }
}
