internal import Generation

// What goes wrong on the wire itself, before a request reaches anyone who could answer it.
extension GenerationError {
    static func evenStreamID(_ stream: StreamID) -> Self {
        Self(
            .invalidArgument, code: "invalidStreamID",
            "stream \(stream) is even: clients open odd streams. Use the next odd number.")
    }

    static func streamAlreadyOpen(_ stream: StreamID) -> Self {
        Self(
            .invalidArgument, code: "invalidStreamID",
            "stream \(stream) is already open and goes on. Open another, with a new odd number.")
    }

    static func tooManyStreams(limit: Int) -> Self {
        Self(
            .resourceExhausted, code: "tooManyStreams",
            "\(limit) calls are open on this connection, which is all it may have. Wait for one "
                + "to end, or open another connection.",
            retryable: true)
    }

    static func messageTooLarge(byteCount: Int, limit: Int) -> Self {
        Self(
            .resourceExhausted, code: "valueTooLarge",
            "The message has \(byteCount) bytes with its envelope; at most \(limit) are taken. "
                + "Send less.")
    }

    static let replyTooLarge = Self(
        .resourceExhausted, code: "replyTooLarge",
        "The reply is over the \(FrameHeader.payloadByteCountMaximum) bytes of a frame. Ask for "
            + "a smaller picture.")

    static func unknownMethod(service: String, name: String) -> Self {
        Self(
            .unimplemented, code: "unknownMethod",
            "There is no method \(service.cut)/\(name.cut) here. The .proto files list all there are."
        )
    }

    static func messageMissing(_ method: Method) -> Self {
        Self(
            .invalidArgument, code: "malformedRequest",
            "The stream was closed before a message came. \(method.rawValue) takes exactly one.")
    }

    static func unexpectedData(_ stream: StreamID) -> Self {
        Self(
            .invalidArgument, code: "unexpectedData",
            "Data came for stream \(stream), which takes none: it is not open, or has its message.")
    }

    static let timeoutIsOver = Self(
        .deadlineExceeded, code: "timeout",
        "The call's timeout_nano is negative: its time was over before it was sent.",
        retryable: true)

    /// Bytes that are no message of this type.
    static func malformed(_ message: String, _ problem: String) -> Self {
        Self(
            .invalidArgument, code: "malformedRequest",
            "\(message) cannot be read: \(problem). Send it as its .proto defines it.")
    }

    /// A field at fault; its path is in the contract's words.
    static func malformed(field: String, _ problem: String) -> Self {
        .invalid(
            field, code: invalidCode(field),
            "\(field) cannot be read: \(problem). Send it as the .proto defines it.")
    }

    /// A client's number that no message could carry.
    static func doesNotFit(field: String, _ value: Int) -> Self {
        .invalid(
            field, code: invalidCode(field),
            "\(field) has \(value): numbers from 0 to 2^32 - 1 can be sent.")
    }

    private static func invalidCode(_ field: String) -> String {
        "invalid" + field.split(separator: ".").map { String($0).capitalised }.joined()
    }
}

extension String {
    /// With a capital first letter.
    var capitalised: String { prefix(1).uppercased() + dropFirst() }

    /// At most 128 bytes of it, for use in a message to the one who sent it.
    fileprivate var cut: String {
        let limit = 128
        return utf8.count <= limit ? self : String(decoding: utf8.prefix(limit), as: UTF8.self)
    }
}
