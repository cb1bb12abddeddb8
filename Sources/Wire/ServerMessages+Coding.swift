internal import CProtobufC
internal import CRefineryProto
internal import Generation

// ServerInfo, ServerStats and the list of models, both ways.

extension ServerInfo {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__server_info__init, refinery__v1__server_info__unpack
        ) { info throws(GenerationError) in
            ServerInfo(
                version: try text(info.version, "version"),
                blasCore: try text(info.blas_core, "blasCore"), blasGFLOPS: info.blas_gflops,
                lanes: Int(info.lanes), threadsPerLane: Int(info.threads_per_lane),
                defaultModel: try text(info.default_model, "defaultModel"),
                requestByteLimit: Int(info.request_byte_limit), queueLimit: Int(info.queue_limit),
                sideLimit: Int(info.side_limit), uptimeSeconds: info.uptime_seconds)
        }
    }
}

extension ServerStats {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__server_stats__init, refinery__v1__server_stats__unpack
        ) { stats in
            ServerStats(
                accepted: stats.accepted, finished: stats.finished, failed: stats.failed,
                cancelled: stats.cancelled, refused: stats.refused, queued: Int(stats.queued),
                running: Int(stats.running), paused: Int(stats.paused), baseSteps: stats.base_steps,
                baseSeconds: stats.base_seconds, refinerSteps: stats.refiner_steps,
                refinerSeconds: stats.refiner_seconds, connections: Int(stats.connections),
                connectionsCut: stats.connections_cut,
                connectionsNotTTRPC: stats.connections_not_ttrpc,
                memoryBudgetByteCount: Int(clamping: stats.memory_budget_bytes),
                memoryReservedByteCount: Int(clamping: stats.memory_reserved_bytes),
                memoryAvailableByteCount: Int(clamping: stats.memory_available_bytes),
                memoryHoldsBack: stats.memory_holds_back != 0, memoryHolds: stats.memory_holds)
        }
    }
}

func decodeModels(_ bytes: [UInt8]) throws(GenerationError) -> [ModelDescription] {
    try withUnpacked(
        bytes, refinery__v1__list_models_response__init, refinery__v1__list_models_response__unpack
    ) { response throws(GenerationError) in
        var models: [ModelDescription] = []
        for case let model? in elements(response.n_models, response.models) {
            models.append(try ModelDescription(model.pointee))
        }
        return models
    }
}

extension ModelDescription {
    fileprivate init(_ model: Refinery__V1__Model) throws(GenerationError) {
        guard let role = Role(rawValue: Int32(bitPattern: model.role.rawValue)) else {
            throw .malformedReply("a model's role is \(model.role.rawValue), unknown here")
        }
        let aliases = try texts(model.n_aliases, model.aliases, "aliases")
        self.init(
            id: try text(model.id, "id"), aliases: aliases,
            architecture: try text(model.architecture, "architecture"), role: role,
            dtype: try text(model.dtype, "dtype"), byteCount: model.byte_count,
            parameterCount: model.parameter_count,
            defaultSize: model.default_size.map { ImageSize($0.pointee) }
                ?? ImageSize(height: 0, width: 0),
            minimumSide: Int(model.minimum_side), problem: try text(model.problem, "problem"),
            sha256: try text(model.sha256, "sha256"))
    }
}

extension Arena {
    func message(_ info: ServerInfo) -> UnsafeMutablePointer<Refinery__V1__ServerInfo> {
        make(refinery__v1__server_info__init) {
            $0.version = bytes(info.version)
            $0.blas_core = bytes(info.blasCore)
            $0.blas_gflops = info.blasGFLOPS
            $0.lanes = UInt32(clamping: info.lanes)
            $0.threads_per_lane = UInt32(clamping: info.threadsPerLane)
            $0.default_model = bytes(info.defaultModel)
            $0.request_byte_limit = UInt32(clamping: info.requestByteLimit)
            $0.queue_limit = UInt32(clamping: info.queueLimit)
            $0.side_limit = UInt32(clamping: info.sideLimit)
            $0.uptime_seconds = info.uptimeSeconds
        }
    }

    func message(_ stats: ServerStats) -> UnsafeMutablePointer<Refinery__V1__ServerStats> {
        make(refinery__v1__server_stats__init) {
            $0.accepted = stats.accepted
            $0.finished = stats.finished
            $0.failed = stats.failed
            $0.cancelled = stats.cancelled
            $0.refused = stats.refused
            $0.queued = UInt32(clamping: stats.queued)
            $0.running = UInt32(clamping: stats.running)
            $0.paused = UInt32(clamping: stats.paused)
            $0.base_steps = stats.baseSteps
            $0.base_seconds = stats.baseSeconds
            $0.refiner_steps = stats.refinerSteps
            $0.refiner_seconds = stats.refinerSeconds
            $0.connections = UInt32(clamping: stats.connections)
            $0.connections_cut = stats.connectionsCut
            $0.connections_not_ttrpc = stats.connectionsNotTTRPC
            $0.memory_budget_bytes = UInt64(clamping: stats.memoryBudgetByteCount)
            $0.memory_reserved_bytes = UInt64(clamping: stats.memoryReservedByteCount)
            $0.memory_available_bytes = UInt64(clamping: stats.memoryAvailableByteCount)
            $0.memory_holds_back = stats.memoryHoldsBack ? 1 : 0
            $0.memory_holds = stats.memoryHolds
        }
    }

    func message(
        _ models: [ModelDescription]
    ) -> UnsafeMutablePointer<Refinery__V1__ListModelsResponse> {
        make(refinery__v1__list_models_response__init) {
            ($0.n_models, $0.models) = array(models.map { message($0) })
        }
    }

    private func message(_ model: ModelDescription) -> UnsafeMutablePointer<Refinery__V1__Model> {
        make(refinery__v1__model__init) {
            $0.id = bytes(model.id)
            ($0.n_aliases, $0.aliases) = array(model.aliases.map { bytes($0) })
            $0.architecture = bytes(model.architecture)
            $0.role = Refinery__V1__Model__Role(rawValue: UInt32(model.role.rawValue))
            $0.dtype = bytes(model.dtype)
            $0.byte_count = model.byteCount
            $0.parameter_count = model.parameterCount
            $0.default_size = message(model.defaultSize)
            $0.minimum_side = UInt32(clamping: model.minimumSide)
            $0.problem = bytes(model.problem)
            $0.sha256 = bytes(model.sha256)
        }
    }
}
