internal import CProtobufC
internal import CRefineryProto
public import Generation

extension CallReply {
    /// Reads one message of the reply to `method`; nil for a kind of event that this client is too
    /// old to know.
    ///
    /// Throws INTERNAL, code `malformedReply`, when it is no such message.
    public init?(_ method: Method, decoding bytes: [UInt8]) throws(GenerationError) {
        let reply: Self?
        do {
            reply = try Self.decode(method, bytes)
        } catch {
            throw .malformedReply(error.message)
        }
        guard let reply else { return nil }
        self = reply
    }

    private static func decode(
        _ method: Method, _ bytes: [UInt8]
    ) throws(GenerationError) -> Self? {
        switch method {
        case .generate, .watch: try Event(decoding: bytes).map { .event($0) }
        case .submit, .getJob, .cancelJob, .resumeJob: .job(try JobDescription(decoding: bytes))
        case .listJobs: .jobs(try JobPage(decoding: bytes))
        case .readImage: .imageChunk(try ImageChunk(decoding: bytes))
        case .uploadImage: .uploaded(try PictureReceipt(decoding: bytes))
        case .listModels: .models(try decodeModels(bytes))
        case .getInfo: .info(try ServerInfo(decoding: bytes))
        case .getStats: .stats(try ServerStats(decoding: bytes))
        case .ping:
            .pong(
                try withUnpacked(
                    bytes, refinery__v1__ping_message__init, refinery__v1__ping_message__unpack
                ) { [UInt8]($0.payload) })
        case .authenticate:
            .authenticated(
                tenant: try withUnpacked(
                    bytes, refinery__v1__authenticate_response__init,
                    refinery__v1__authenticate_response__unpack
                ) { response throws(GenerationError) in try text(response.tenant, "tenant") })
        case .checkHealth: .health(try HealthStatus(decoding: bytes))
        }
    }

    /// The message as it travels.
    public func packed() -> [UInt8] {
        withPackable { $0.packed() }
    }

    /// Calls `body` with the message, which is valid until `body` returns.
    func withPackable<Result>(_ body: (PackableMessage) -> Result) -> Result {
        if case .event(let event) = self { return event.withPackable(body) }
        let arena = Arena()
        defer { withExtendedLifetime(arena) {} }
        return body(arena.packable(self))
    }
}

extension Arena {
    fileprivate func packable(_ reply: CallReply) -> PackableMessage {
        switch reply {
        case .event: preconditionFailure("an event is packed with its picture lent")
        case .job(let job): PackableMessage(message(job))
        case .jobs(let page): PackableMessage(message(page))
        case .imageChunk(let chunk): PackableMessage(message(chunk))
        case .uploaded(let receipt): PackableMessage(message(receipt))
        case .models(let models): PackableMessage(message(models))
        case .info(let info): PackableMessage(message(info))
        case .stats(let stats): PackableMessage(message(stats))
        case .pong(let payload): PackableMessage(ping(payload))
        case .authenticated(let tenant):
            PackableMessage(
                make(refinery__v1__authenticate_response__init) { $0.tenant = bytes(tenant) })
        case .health(let status):
            PackableMessage(
                make(grpc__health__v1__health_check_response__init) {
                    $0.status = .init(rawValue: UInt32(status.rawValue))
                })
        }
    }
}

extension HealthStatus {
    fileprivate init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, grpc__health__v1__health_check_response__init,
            grpc__health__v1__health_check_response__unpack
        ) { HealthStatus(rawValue: Int32(bitPattern: $0.status.rawValue)) ?? .unknown }
    }
}

extension GenerationError {
    static func malformedReply(_ problem: String) -> Self {
        Self(
            .internal, code: "malformedReply",
            "The server's reply cannot be read: \(problem). Is the client as new as the server?")
    }
}
