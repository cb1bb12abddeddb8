internal import CLibuv

/// What the system or the peer did to us, with the call and the address in the message.
public struct TransportError: Error, Equatable, Sendable {
    public var kind: Kind
    public var message: String

    public enum Kind: Sendable {
        /// The text is no address, or names nothing that exists.
        case invalidAddress
        case addressInUse
        case permissionDenied
        /// Nobody listens there.
        case refused
        case unreachable
        case timedOut
        /// The peer ended the connection without the usual goodbye.
        case reset
        /// The event loop has been stopped.
        case stopped
        /// Everything else the system can say.
        case system
    }

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// From a libuv error code; `doing` completes the sentence "cannot ...".
    init(code: Int32, doing: String) {
        let name = String(cString: uv_err_name(code))
        let reason = String(cString: uv_strerror(code))
        self.init(Self.kind(of: code), "cannot \(doing): \(reason) (\(name))")
    }

    private static func kind(of code: Int32) -> Kind {
        switch code {
        case UV_EADDRINUSE.rawValue: .addressInUse
        case UV_EACCES.rawValue, UV_EPERM.rawValue: .permissionDenied
        case UV_ECONNREFUSED.rawValue, UV_ENOENT.rawValue: .refused
        case UV_ENETUNREACH.rawValue, UV_EHOSTUNREACH.rawValue, UV_EADDRNOTAVAIL.rawValue:
            .unreachable
        case UV_ETIMEDOUT.rawValue: .timedOut
        case UV_ECONNRESET.rawValue, UV_EPIPE.rawValue, UV_ECONNABORTED.rawValue: .reset
        case UV_EAI_NONAME.rawValue, UV_EAI_NODATA.rawValue, UV_EAI_ADDRFAMILY.rawValue:
            .invalidAddress
        case UV_ECANCELED.rawValue: .stopped
        default: .system
        }
    }
}

extension TransportError: CustomStringConvertible {
    public var description: String { message }
}

/// Turns a libuv return code into an error; `doing` completes "cannot ...".
func check(_ code: Int32, _ doing: @autoclosure () -> String) throws(TransportError) {
    if code < 0 { throw TransportError(code: code, doing: doing()) }
}
