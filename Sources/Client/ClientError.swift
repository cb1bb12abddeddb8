internal import Transport

/// What kept a call from reaching the server or its reply from coming back. What the server itself
/// says is a `GenerationError`.
public enum ClientError: Error, Equatable, Sendable {
    /// The text is no address, or names nothing that exists.
    case invalidAddress(String)
    /// Nobody answers there.
    case unreachable(String)
    /// The connection ended before the call did.
    case connectionLost(String)
    /// What came back is not what a Refinery server sends.
    case protocolBroken(String)
    /// Nothing came for longer than ``RefineryClient/Options/silenceLimit``.
    case silent(String)
    /// ``RefineryClient/close()`` was called.
    case closed

    /// An attempt to connect that failed.
    init(connecting error: TransportError) {
        self =
            switch error.kind {
            case .invalidAddress: .invalidAddress(error.message)
            case .stopped: .closed
            default:
                .unreachable(
                    "\(error.message). Is a server running there? Start one with: refinery serve")
            }
    }
}

extension ClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidAddress(let message), .unreachable(let message),
            .connectionLost(let message), .protocolBroken(let message), .silent(let message):
            message
        case .closed: "The client has been closed."
        }
    }
}
