internal import CProtobufC
internal import CRefineryProto
public import Generation

/// What a Request frame holds: `ttrpc.Request`.
struct RequestEnvelope: Equatable {
    var service: String
    var method: String
    var payload: [UInt8]
    /// 0 is none.
    var timeoutNanoseconds: Int64
    var metadata: [MetadataEntry]

    init(_ bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(bytes, ttrpc__request__init, ttrpc__request__unpack) {
            request throws(GenerationError) in
            try RequestEnvelope(request)
        }
    }

    private init(_ request: Ttrpc__Request) throws(GenerationError) {
        service = try text(request.service, "service")
        method = try text(request.method, "method")
        payload = [UInt8](request.payload)
        timeoutNanoseconds = request.timeout_nano
        metadata = []
        for case let entry? in try fewElements(request.n_metadata, request.metadata, "metadata") {
            metadata.append(
                MetadataEntry(
                    key: try text(entry.pointee.key, "metadata"),
                    value: try text(entry.pointee.value, "metadata")))
        }
    }

    /// Nil for as long as it takes; a negative one is over already.
    func timeout() throws(GenerationError) -> Duration? {
        guard timeoutNanoseconds >= 0 else { throw .timeoutIsOver }
        return timeoutNanoseconds == 0 ? nil : .nanoseconds(timeoutNanoseconds)
    }
}

extension Arena {
    /// The frame that opens a call; nil when it does not fit a frame.
    func requestFrame(
        _ method: Method, payload: [UInt8], timeoutNanoseconds: Int64, metadata: [MetadataEntry],
        on stream: StreamID
    ) -> [UInt8]? {
        let request = make(ttrpc__request__init) {
            $0.service = bytes(method.service)
            $0.method = bytes(method.name)
            $0.payload = bytes(payload)
            $0.timeout_nano = timeoutNanoseconds
            ($0.n_metadata, $0.metadata) = array(
                metadata.map { entry in
                    make(ttrpc__key_value__init) {
                        $0.key = bytes(entry.key)
                        $0.value = bytes(entry.value)
                    }
                })
        }
        return PackableMessage(request).frame(
            stream: stream, type: .request, flags: method.isStreaming ? .remoteClosed : [])
    }
}

extension ServerConnectionState {
    /// The frame that refuses or ends a call: a Response with a google.rpc.Status.
    public static func errorFrame(_ error: GenerationError, on stream: StreamID) -> [UInt8] {
        let arena = Arena()
        let response = arena.make(ttrpc__response__init) {
            $0.status = arena.status(error)
        }
        guard
            let frame = PackableMessage(response).frame(
                stream: stream, type: .response, flags: [])
        else { preconditionFailure("no error of ours fills a frame") }
        return frame
    }

    /// A unary call's reply; nil when it does not fit a frame.
    static func responseFrame(_ reply: CallReply, on stream: StreamID) -> [UInt8]? {
        let arena = Arena()
        let response = arena.make(ttrpc__response__init) {
            $0.payload = arena.bytes(reply.packed())
        }
        return PackableMessage(response).frame(stream: stream, type: .response, flags: [])
    }

    /// One message of a streaming call; nil when it does not fit a frame.
    static func dataFrame(_ reply: CallReply, on stream: StreamID) -> [UInt8]? {
        reply.withPackable { $0.frame(stream: stream, type: .data, flags: []) }
    }
}

/// What a Response frame says.
enum ResponseEnvelope: Equatable {
    case reply([UInt8])
    case error(GenerationError)

    /// An absent status is OK.
    init(_ bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(bytes, ttrpc__response__init, ttrpc__response__unpack) {
            response throws(GenerationError) in
            guard let status = response.status?.pointee, status.code != StatusCode.ok.rawValue
            else { return .reply([UInt8](response.payload)) }
            return .error(try GenerationError(status))
        }
    }
}
