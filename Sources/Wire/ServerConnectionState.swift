public import Generation

/// One connection of a ttrpc server: bytes in, actions out. It opens no socket, keeps no time and
/// starts no job; the caller does what the action says and reports results through `send`, `finish`
/// and `fail`, which give the bytes to write.
///
/// A stream is in one of these states:
///
/// | state | entered by | left by |
/// |---|---|---|
/// | (not open) | | Request |
/// | awaiting its message | Request that carries none (flag 0x02) | Data with the message |
/// | serving | Request or Data with the message | `send` of a unary reply, `finish`, `fail` |
///
/// The end state is "not open" again: nothing is remembered of a finished stream, so ids may come in
/// any order, which Rust clients need.
///
/// Three kinds of wrong:
/// - *our bug* (a reply of another method, a second end): `precondition`, or nil when the stream ended
///   meanwhile through no fault of the caller;
/// - *the peer's fault*: ``Action/refuse(_:_:)`` on that stream, the connection goes on; only what is
///   no ttrpc at all is ``Action/close(_:)``;
/// - *quietly ignored*: unknown frame types and flags, Responses, empty Data on an open stream, and a
///   half-close (empty Data with flag 0x01) on any.
public struct ServerConnectionState {
    /// What a client may do before it is refused.
    public struct Limits: Sendable {
        /// The largest Request or Data payload in bytes, envelope included; a larger one is refused
        /// with RESOURCE_EXHAUSTED.
        public var requestByteCount = 64 << 10
        /// The same for UploadImage. What is larger still is thrown away as it arrives.
        public var uploadByteCount = 1 << 20
        /// More calls at a time are refused with RESOURCE_EXHAUSTED.
        public var openStreamCount = 64
        /// Answers to Data on streams that are not open; more in a second are ignored.
        public var strayDataAnswersPerSecond = 10

        public init() {}

        func byteCount(of method: Method) -> Int {
            method == .uploadImage ? uploadByteCount : requestByteCount
        }
    }

    public enum Action: Equatable, Sendable {
        /// Answer this call; the stream stays open until it is answered.
        case call(Call)
        /// Write ``errorFrame(_:on:)``. No stream was opened, and none that is open has ended.
        case refuse(StreamID, GenerationError)
        /// Close the connection, now and without an answer.
        case close(FrameDecoder.Fault)
    }

    /// A whole call, decoded.
    public struct Call: Equatable, Sendable {
        public var stream: StreamID
        public var request: CallRequest
        /// How long the client will wait, from now; nil for as long as it takes.
        public var timeout: Duration?
        public var metadata: [MetadataEntry]

        public init(
            stream: StreamID, request: CallRequest, timeout: Duration? = nil,
            metadata: [MetadataEntry] = []
        ) {
            self.stream = stream
            self.request = request
            self.timeout = timeout
            self.metadata = metadata
        }
    }

    enum Stream {
        case awaitingMessage(Opening)
        case serving(Method)
    }

    /// What a Request said before its message came.
    struct Opening {
        var method: Method
        var timeout: Duration?
        var metadata: [MetadataEntry]
    }

    public let limits: Limits
    var streams: [StreamID: Stream] = [:]
    private var decoder: FrameDecoder
    private var strayData = RateLimit()
    private var isClosed = false

    public init(limits: Limits = Limits()) {
        self.limits = limits
        decoder = FrameDecoder(
            payloadByteLimit: max(limits.requestByteCount, limits.uploadByteCount))
    }

    /// Streams that await an answer or their message.
    public var openStreamCount: Int { streams.count }

    /// What has begun to arrive and is not whole yet, for a limit on how long that may take.
    public var unfinishedFrame: FrameDecoder.Unfinished? { decoder.unfinished }

    /// Of it, the bytes that are held.
    public var bufferedByteCount: Int { decoder.bufferedByteCount }

    public func isOpen(_ stream: StreamID) -> Bool { streams[stream] != nil }

    /// Takes what arrived; to be followed by ``nextAction(at:)`` until that says nil.
    public mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !isClosed else { return }
        decoder.append(bytes)
    }

    public mutating func receive(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { receive($0) }
    }

    /// What to do next; nil when more bytes are needed, and for ever after `.close`.
    ///
    /// `now`: any clock that does not go back, from any origin.
    public mutating func nextAction(at now: Duration) -> Action? {
        guard !isClosed else { return nil }
        do throws(FrameDecoder.Fault) {
            while let element = try decoder.next() {
                let action =
                    switch element {
                    case .frame(let frame): receive(frame, at: now)
                    case .oversized(let header): refuseOversized(header, at: now)
                    }
                if let action { return action }
            }
            return nil
        } catch {
            isClosed = true
            return .close(error)
        }
    }

    private mutating func receive(_ frame: Frame, at now: Duration) -> Action? {
        switch frame.type {
        case .request:
            do throws(GenerationError) {
                return try open(frame).map { .call($0) }
            } catch {
                return .refuse(frame.stream, error)
            }
        case .data:
            return receiveData(frame, at: now)
        default:
            return nil
        }
    }

    /// Nil when the message is still to come.
    private mutating func open(_ frame: Frame) throws(GenerationError) -> Call? {
        try checkMayOpen(frame.stream)
        let envelope: RequestEnvelope
        do {
            envelope = try RequestEnvelope(frame.payload)
        } catch {
            // What cannot be read is no UploadImage, and only that may be so large.
            try checkByteCount(of: frame, limit: limits.requestByteCount)
            throw error
        }
        guard let method = Method(service: envelope.service, name: envelope.method) else {
            throw .unknownMethod(service: envelope.service, name: envelope.method)
        }
        try checkByteCount(of: frame, limit: limits.byteCount(of: method))
        let opening = Opening(
            method: method, timeout: try envelope.timeout(), metadata: envelope.metadata)
        if frame.flags.contains(.remoteOpen), envelope.payload.isEmpty {
            streams[frame.stream] = .awaitingMessage(opening)
            return nil
        }
        return try serve(opening, message: envelope.payload, on: frame.stream)
    }

    private func checkMayOpen(_ stream: StreamID) throws(GenerationError) {
        guard stream.isClientInitiated else { throw .evenStreamID(stream) }
        guard streams[stream] == nil else { throw .streamAlreadyOpen(stream) }
        guard streams.count < limits.openStreamCount else {
            throw .tooManyStreams(limit: limits.openStreamCount)
        }
    }

    private func checkByteCount(of frame: Frame, limit: Int) throws(GenerationError) {
        guard frame.payload.count <= limit else {
            throw .messageTooLarge(byteCount: frame.payload.count, limit: limit)
        }
    }

    private mutating func serve(
        _ opening: Opening, message: [UInt8], on stream: StreamID
    ) throws(GenerationError) -> Call {
        let request = try CallRequest(opening.method, decoding: message)
        streams[stream] = .serving(opening.method)
        return Call(
            stream: stream, request: request, timeout: opening.timeout, metadata: opening.metadata)
    }

    private mutating func receiveData(_ frame: Frame, at now: Duration) -> Action? {
        let closes = frame.flags.contains(.remoteClosed)
        // An empty message is one, unless the flags say that there is none.
        let carriesMessage =
            !frame.payload.isEmpty || !(closes || frame.flags.contains(.noData))
        switch streams[frame.stream] {
        case .awaitingMessage(let opening):
            guard carriesMessage || closes else { return nil }
            streams[frame.stream] = nil
            do throws(GenerationError) {
                guard carriesMessage else { throw .messageMissing(opening.method) }
                try checkByteCount(of: frame, limit: limits.byteCount(of: opening.method))
                return .call(try serve(opening, message: frame.payload, on: frame.stream))
            } catch {
                return .refuse(frame.stream, error)
            }
        case .serving where frame.payload.isEmpty:
            return nil
        case nil where closes && frame.payload.isEmpty:
            // A half-close that crossed the answer on its way. An error in return would fill a Go
            // client's only place for a message of that stream.
            return nil
        case .serving, nil:
            return refuseStrayData(on: frame.stream, at: now)
        }
    }

    private mutating func refuseOversized(_ header: FrameHeader, at now: Duration) -> Action? {
        switch header.type {
        case .request:
            do throws(GenerationError) {
                try checkMayOpen(header.stream)
            } catch {
                return .refuse(header.stream, error)
            }
        case .data:
            guard case .awaitingMessage = streams[header.stream] else {
                return refuseStrayData(on: header.stream, at: now)
            }
            streams[header.stream] = nil
        default:
            return nil
        }
        return .refuse(
            header.stream,
            .messageTooLarge(byteCount: header.payloadByteCount, limit: limits.uploadByteCount))
    }

    private mutating func refuseStrayData(on stream: StreamID, at now: Duration) -> Action? {
        guard strayData.allows(limits.strayDataAnswersPerSecond, at: now) else { return nil }
        return .refuse(stream, .unexpectedData(stream))
    }
}

/// So many a second: a count that starts anew when a second has passed since its first.
private struct RateLimit {
    private var start: Duration?
    private var count = 0

    mutating func allows(_ limit: Int, at now: Duration) -> Bool {
        if let start, now - start < .seconds(1) {
            count += 1
        } else {
            start = now
            count = 1
        }
        return count <= limit
    }
}
