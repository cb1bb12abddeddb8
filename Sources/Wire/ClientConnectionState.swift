public import Generation

/// One connection of a ttrpc client: the other side of ``ServerConnectionState``. Calls go out with
/// odd, rising ids; what comes back is routed to them.
///
/// A stream is open from ``open(_:timeout:metadata:)`` until its end comes (a reply, an end of
/// stream or an error) or until ``forget(_:)``. Frames for other ids, Requests, unknown types and
/// kinds of event that are newer than this client are ignored; a reply that cannot be read ends its call, not the connection.
public struct ClientConnectionState {
    public enum Action: Equatable, Sendable {
        /// One message of a streaming call; more may follow.
        case message(StreamID, CallReply)
        /// A unary call's reply, or the last message of a streaming call that came together with its
        /// end. The call is over.
        case lastMessage(StreamID, CallReply)
        /// A streaming call ended well.
        case finished(StreamID)
        /// The call ended with this error, the server's or our own finding.
        case failed(StreamID, GenerationError)
        /// Close the connection: what comes is no ttrpc. All calls are over.
        case close(FrameDecoder.Fault)
    }

    private var decoder = FrameDecoder()
    private var methods: [StreamID: Method] = [:]
    /// The next id, or nil when all 2^31 are used up.
    private var nextStream: UInt32? = 1
    private var isClosed = false

    public init() {}

    /// Calls that have not ended.
    public var openStreams: [StreamID] { Array(methods.keys) }

    /// Opens a call. Write `frame`; what comes back has `stream`.
    ///
    /// Throws INVALID_ARGUMENT when a number does not fit its field, RESOURCE_EXHAUSTED when the
    /// message does not fit a frame or the connection has no ids left.
    public mutating func open(
        _ request: CallRequest, timeout: Duration? = nil, metadata: [MetadataEntry] = []
    ) throws(GenerationError) -> (stream: StreamID, frame: [UInt8]) {
        guard let id = nextStream else { throw .outOfStreamIDs }
        let stream = StreamID(rawValue: id)
        let payload = try request.packed()
        guard
            let frame = Arena().requestFrame(
                request.method, payload: payload, timeoutNanoseconds: timeout?.nanoseconds ?? 0,
                metadata: metadata, on: stream)
        else {
            throw .messageTooLarge(
                byteCount: payload.count, limit: FrameHeader.payloadByteCountMaximum)
        }
        methods[stream] = request.method
        nextStream = id > .max - 2 ? nil : id + 2
        return (stream, frame)
    }

    /// Stops following a call; what still comes for it is ignored.
    public mutating func forget(_ stream: StreamID) {
        methods[stream] = nil
    }

    /// Takes what arrived; to be followed by ``nextAction()`` until that says nil.
    public mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !isClosed else { return }
        decoder.append(bytes)
    }

    public mutating func receive(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { receive($0) }
    }

    /// What arrived; nil when more bytes are needed, and for ever after `.close`.
    public mutating func nextAction() -> Action? {
        guard !isClosed else { return nil }
        do throws(FrameDecoder.Fault) {
            while let element = try decoder.next() {
                let action =
                    switch element {
                    case .frame(let frame): receive(frame)
                    case .oversized(let header): fail(header)
                    }
                if let action { return action }
            }
            return nil
        } catch {
            isClosed = true
            methods = [:]
            return .close(error)
        }
    }

    private mutating func receive(_ frame: Frame) -> Action? {
        guard let method = methods[frame.stream] else { return nil }
        do throws(GenerationError) {
            switch frame.type {
            case .response: return try receiveResponse(frame, method)
            case .data: return try receiveData(frame, method)
            default: return nil
            }
        } catch {
            methods[frame.stream] = nil
            return .failed(frame.stream, error)
        }
    }

    private mutating func receiveResponse(
        _ frame: Frame, _ method: Method
    ) throws(GenerationError) -> Action {
        methods[frame.stream] = nil
        switch try ResponseEnvelope(frame.payload) {
        case .error(let error):
            return .failed(frame.stream, error)
        case .reply(let payload) where method.isStreaming && payload.isEmpty:
            return .finished(frame.stream)
        case .reply(let payload):
            guard let reply = try CallReply(method, decoding: payload) else {
                return .finished(frame.stream)
            }
            return .lastMessage(frame.stream, reply)
        }
    }

    private mutating func receiveData(
        _ frame: Frame, _ method: Method
    ) throws(GenerationError) -> Action? {
        let ends = frame.flags.contains(.remoteClosed)
        if ends { methods[frame.stream] = nil }
        if frame.payload.isEmpty, ends || frame.flags.contains(.noData) {
            guard ends else { return nil }
            guard method.isStreaming else { throw .malformedReply("it ended without a message") }
            return .finished(frame.stream)
        }
        guard let reply = try CallReply(method, decoding: frame.payload) else {
            return ends ? .finished(frame.stream) : nil
        }
        return ends ? .lastMessage(frame.stream, reply) : .message(frame.stream, reply)
    }

    private mutating func fail(_ header: FrameHeader) -> Action? {
        guard methods.removeValue(forKey: header.stream) != nil else { return nil }
        return .failed(
            header.stream,
            .malformedReply(
                "it has \(header.payloadByteCount) bytes, and a frame holds "
                    + "\(FrameHeader.payloadByteCountMaximum)"))
    }
}

extension Duration {
    /// Saturates: 292 years is as long as it takes.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow2) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflow2 ? (seconds < 0 ? .min : .max) : sum
    }
}

extension GenerationError {
    fileprivate static let outOfStreamIDs = Self(
        .resourceExhausted, code: "tooManyStreams",
        "This connection has made all the calls it can. Open another.", retryable: true)
}
