/// What can be called: the one table that server and client share. Raw values are the full service
/// name, a slash, and the method's name.
public enum Method: String, CaseIterable, Sendable {
    case generate = "refinery.v1.ImageGeneration/Generate"
    case submit = "refinery.v1.ImageGeneration/Submit"
    case watch = "refinery.v1.ImageGeneration/Watch"
    case getJob = "refinery.v1.ImageGeneration/GetJob"
    case listJobs = "refinery.v1.ImageGeneration/ListJobs"
    case cancelJob = "refinery.v1.ImageGeneration/CancelJob"
    case resumeJob = "refinery.v1.ImageGeneration/ResumeJob"
    case readImage = "refinery.v1.ImageGeneration/ReadImage"
    case uploadImage = "refinery.v1.ImageGeneration/UploadImage"
    case listModels = "refinery.v1.Models/ListModels"
    case getInfo = "refinery.v1.Server/GetInfo"
    case getStats = "refinery.v1.Server/GetStats"
    case ping = "refinery.v1.Server/Ping"
    case authenticate = "refinery.v1.Server/Authenticate"
    case checkHealth = "grpc.health.v1.Health/Check"

    /// Such as `refinery.v1.Server`.
    public var service: String { String(rawValue.prefix { $0 != "/" }) }

    /// Such as `Ping`.
    public var name: String { String(rawValue.drop { $0 != "/" }.dropFirst()) }

    /// Whether replies come as a stream; otherwise there is exactly one.
    public var isStreaming: Bool { self == .generate || self == .watch }

    /// Nil when there is no such service, or it has no such method.
    public init?(service: String, name: String) {
        self.init(rawValue: "\(service)/\(name)")
    }
}
