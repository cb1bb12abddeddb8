/// What went wrong, in the words a caller needs: what was wrong, what is allowed, what to do next.
///
/// It crosses the wire as a google.rpc.Status whose detail carries `code`, `fields` and `retryable`.
public struct GenerationError: Error, Equatable, Sendable {
    public var status: StatusCode
    /// The contract's raw code, such as `invalidRefinerStartStep`.
    public var code: String
    public var message: String
    /// Paths of the fields at fault, in the contract's camelCase (`refiner.startStep`).
    public var fields: [String]
    /// Whether the same request may succeed later without a change.
    public var retryable: Bool
    /// How long to wait at least before that; nil where nobody can tell.
    public var retryAfterMilliseconds: Int?

    public init(
        _ status: StatusCode, code: String, _ message: String, fields: [String] = [],
        retryable: Bool = false, retryAfterMilliseconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.retryable = retryable
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    public static func invalid(_ field: String, code: String, _ message: String) -> Self {
        Self(.invalidArgument, code: code, message, fields: [field])
    }
}

extension GenerationError: CustomStringConvertible {
    public var description: String { message }
}

/// gRPC's status codes (grpc/grpc doc/statuscodes.md).
public enum StatusCode: Int32, Sendable, CaseIterable {
    case ok = 0
    case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists
    case permissionDenied, resourceExhausted, failedPrecondition, aborted, outOfRange
    case unimplemented, `internal`, unavailable, dataLoss, unauthenticated
}
