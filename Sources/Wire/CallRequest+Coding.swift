internal import CProtobufC
internal import CRefineryProto
public import Generation

extension CallRequest {
    /// Reads the message that opens a call of `method`.
    ///
    /// Throws INVALID_ARGUMENT naming the field, or RESOURCE_EXHAUSTED.
    public init(_ method: Method, decoding bytes: [UInt8]) throws(GenerationError) {
        switch method {
        case .generate:
            self = .generate(try GenerationRequest(decoding: bytes))
        case .submit:
            self = .submit(try GenerationRequest(decoding: bytes))
        case .watch: self = try .watch(decoding: bytes)
        case .getJob: self = try .getJob(decoding: bytes)
        case .listJobs: self = try .listJobs(decoding: bytes)
        case .cancelJob: self = try .cancelJob(decoding: bytes)
        case .resumeJob: self = .resumeJob(try ResumeRequest(decoding: bytes))
        case .readImage: self = try .readImage(decoding: bytes)
        case .uploadImage:
            self = .uploadImage(try PicturePiece(decoding: bytes))
        case .listModels:
            try withUnpacked(
                bytes, refinery__v1__list_models_request__init,
                refinery__v1__list_models_request__unpack
            ) { _ in }
            self = .listModels
        case .getInfo:
            try withUnpacked(
                bytes, refinery__v1__get_info_request__init,
                refinery__v1__get_info_request__unpack
            ) { _ in }
            self = .getInfo
        case .getStats:
            try withUnpacked(
                bytes, refinery__v1__get_stats_request__init,
                refinery__v1__get_stats_request__unpack
            ) { _ in }
            self = .getStats
        case .ping:
            self = .ping(
                try withUnpacked(
                    bytes, refinery__v1__ping_message__init, refinery__v1__ping_message__unpack
                ) { [UInt8]($0.payload) })
        case .authenticate:
            self = .authenticate(
                token: try withUnpacked(
                    bytes, refinery__v1__authenticate_request__init,
                    refinery__v1__authenticate_request__unpack
                ) { request throws(GenerationError) in try text(request.token, "token") })
        case .checkHealth:
            self = .checkHealth(
                service: try withUnpacked(
                    bytes, grpc__health__v1__health_check_request__init,
                    grpc__health__v1__health_check_request__unpack
                ) { request throws(GenerationError) in try text(request.service, "service") })
        }
    }

    /// The message as it travels.
    ///
    /// Throws INVALID_ARGUMENT for a number that its field cannot hold.
    public func packed() throws(GenerationError) -> [UInt8] {
        let arena = Arena()
        defer { withExtendedLifetime(arena) {} }
        switch self {
        case .watch(let jobID, let sequence):
            return PackableMessage(arena.watch(jobID: jobID, after: sequence)).packed()
        case .getJob(let jobID):
            return PackableMessage(arena.reference(jobID)).packed()
        case .listJobs(let filter):
            return PackableMessage(arena.message(filter)).packed()
        case .cancelJob(let jobID, let outcome):
            return PackableMessage(arena.cancel(jobID, outcome)).packed()
        case .resumeJob(let request):
            return PackableMessage(try arena.message(request)).packed()
        case .readImage(let part):
            return PackableMessage(arena.message(part)).packed()
        case .generate(let request), .submit(let request):
            return PackableMessage(try arena.message(request)).packed()
        case .uploadImage(let piece):
            return PackableMessage(arena.message(piece)).packed()
        case .listModels, .getInfo, .getStats:
            return []
        case .ping(let payload):
            return PackableMessage(arena.ping(payload)).packed()
        case .authenticate(let token):
            let request = arena.make(refinery__v1__authenticate_request__init) {
                $0.token = arena.bytes(token)
            }
            return PackableMessage(request).packed()
        case .checkHealth(let service):
            let request = arena.make(grpc__health__v1__health_check_request__init) {
                $0.service = arena.bytes(service)
            }
            return PackableMessage(request).packed()
        }
    }
}

extension Arena {
    func ping(_ payload: [UInt8]) -> UnsafeMutablePointer<Refinery__V1__PingMessage> {
        make(refinery__v1__ping_message__init) { $0.payload = bytes(payload) }
    }
}
