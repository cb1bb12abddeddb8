import Client
import Generation
import Transport

/// How the process ends, for scripts.
enum ExitStatus: Int32 {
    case done = 0
    case badRequest = 2
    case unreachable = 3
    case failed = 4
    /// As shells report an end by SIGINT.
    case interrupted = 130

    init(_ error: any Error) {
        switch error {
        case let error as GenerationError: self.init(error.status)
        case let error as ClientError: self.init(error)
        // From listening.
        case let error as TransportError:
            self = error.kind == .invalidAddress ? .badRequest : .failed
        case is CancellationError: self = .interrupted
        case is UsageError: self = .badRequest
        default: self = .failed
        }
    }

    private init(_ error: ClientError) {
        switch error {
        case .invalidAddress: self = .badRequest
        case .unreachable, .connectionLost, .silent, .closed: self = .unreachable
        case .protocolBroken: self = .failed
        }
    }

    private init(_ status: StatusCode) {
        switch status {
        case .ok: self = .done
        case .invalidArgument, .notFound, .alreadyExists, .failedPrecondition, .outOfRange,
            .unimplemented, .permissionDenied, .unauthenticated:
            self = .badRequest
        case .unavailable: self = .unreachable
        case .cancelled, .unknown, .deadlineExceeded, .resourceExhausted, .aborted, .internal,
            .dataLoss:
            self = .failed
        }
    }
}

/// The caller's flags or files do not make sense; the message says which and what to do.
struct UsageError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
