internal import Generation
internal import Jobs
internal import Metrics
internal import Wire

/// The calls that have one reply and need no waiting.
extension ServerCore {
    /// Nil for a call that takes more than that.
    ///
    /// - Parameter tenant: empty where callers are not told apart.
    func reply(
        to request: CallRequest, of tenant: String
    ) throws(GenerationError) -> CallReply? {
        switch request {
        case .generate, .watch, .uploadImage, .submit, .listJobs, .cancelJob, .resumeJob,
            .readImage, .authenticate:
            nil
        case .getJob(let name): .job(try jobs.job(JobID(name, of: tenant)))
        case .listModels: .models(generator.models)
        case .getInfo: .info(info)
        case .getStats: .stats(access.tenants == nil ? stats : stats(of: tenant))
        case .ping(let payload): .pong(payload)
        case .checkHealth(let service): .health(try health(of: service))
        }
    }

    private func health(of service: String) throws(GenerationError) -> HealthStatus {
        let services = Set(Method.allCases.map(\.service))
        guard service.isEmpty || services.contains(service) else {
            throw GenerationError(
                .notFound, code: "unknownService",
                "There is no service \"\(service.loggable())\" here. There are: "
                    + "\(services.sorted().joined(separator: ", ")); the empty name is the server.",
                fields: ["service"])
        }
        return isStopping ? .notServing : .serving
    }

    private var info: ServerInfo {
        let limits = jobs.configuration.limits
        let firstModel = generator.models.first { $0.role == .base }?.id ?? ""
        let defaultModel = [limits.defaultModel, generator.defaultModel].first { !$0.isEmpty }
        return ServerInfo(
            version: configuration.version, blasCore: configuration.blasCore,
            blasGFLOPS: configuration.blasGFLOPS, lanes: jobs.configuration.laneCount,
            threadsPerLane: configuration.threadsPerLane,
            defaultModel: defaultModel ?? firstModel,
            requestByteLimit: configuration.wireLimits.requestByteCount,
            queueLimit: jobs.configuration.queueLimit, sideLimit: limits.sideMaximum,
            uptimeSeconds: uptime / .seconds(1))
    }

    /// Of all jobs and connections.
    private var stats: ServerStats {
        let counts = jobs.metrics.snapshot
        var stats = ServerStats(counts.jobs, jobs.memory())
        stats.connections = counts.connections
        stats.connectionsCut = counts.connectionsCut.values.reduce(0, +)
        stats.connectionsNotTTRPC = counts.connectionsCut[.notTTRPC] ?? 0
        return stats
    }

    /// Of one tenant's alone: what others do, and how much, is none of its business.
    private func stats(of tenant: String) -> ServerStats {
        var stats = ServerStats(
            jobs.metrics.snapshot.tenants[tenant] ?? JobCounts(), jobs.memory(of: tenant))
        stats.connections = connectionCount(of: tenant)
        return stats
    }
}

extension ServerStats {
    fileprivate init(_ counts: JobCounts, _ memory: MemoryStatistics) {
        self.init(
            accepted: counts.accepted, finished: counts.finished, failed: counts.failed,
            cancelled: counts.cancelled, refused: counts.refused, queued: counts.queued,
            running: counts.running, paused: counts.paused, baseSteps: counts.baseSteps,
            baseSeconds: counts.baseSeconds, refinerSteps: counts.refinerSteps,
            refinerSeconds: counts.refinerSeconds,
            memoryBudgetByteCount: memory.budgetByteCount ?? 0,
            memoryReservedByteCount: memory.reservedByteCount,
            memoryAvailableByteCount: memory.availableByteCount ?? 0,
            memoryHoldsBack: memory.isHoldingBack, memoryHolds: memory.holdCount)
    }
}
