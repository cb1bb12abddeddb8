import Dispatch
import Generation
import Glibc
import Jobs
import Logging
import Metrics
import SDXL
import Server
import Tensors
import Transport

/// A server from its start to its end.
struct ServeRun {
    let command: ServeCommand
    let manager: ServiceManager
    let logger: Logger
    /// To be flushed at the end.
    let logWriter = LogWriter()

    init(_ command: ServeCommand, _ manager: ServiceManager) {
        self.command = command
        self.manager = manager
        let lines = LogLines(
            command.operation.logFormat, level: command.operation.logLevel.level, writer: logWriter)
        LoggingSystem.bootstrap { _ in lines }
        logger = Logger(label: "refinery")
    }

    /// Until `ended` returns, and then until the server has stopped.
    func serve(until ended: () async -> Void) async throws {
        let points = try listeningPoints()
        let adminPoint = try adminPoint()
        let tenants = try command.access.tenants()
        logger.info("version \(Refinery.version)")
        let gflops = Calibration.measureGFLOPS()
        logger.info("BLAS \(Calibration.coreName), \(Wording.fixed(gflops, 0)) GFLOPS per thread")

        let engine = try command.makeEngine()
        for model in engine.models { log(model) }
        let jobLog = JobLog(logger: logger)
        let jobs = try command.keeping.openJobs(engine.generator, command.scheduling(logger)) {
            jobLog.record($0)
        }
        for notice in jobs.notices { logger.warning("\(notice)") }
        if !jobs.isDurable {
            logger.info("jobs end with the process: --data DIR would keep them")
        }

        var configuration = ServerConfiguration(version: Refinery.version)
        configuration.blasCore = Calibration.coreName
        configuration.blasGFLOPS = gflops
        configuration.threadsPerLane = engine.threads
        configuration.tenants = tenants
        configuration.logsPrompts = command.operation.logPrompts
        ConnectionLimit.raiseDescriptorLimit()
        let server = try RefineryServer(
            configuration: configuration, jobs: jobs, generator: engine.generator, logger: logger)
        admit(tenants, to: jobs)
        if let adminPoint {
            let address = try await server.startAdmin(at: adminPoint)
            logger.info("metrics and health at http://\(address)")
        }
        for address in try await server.start(listeningOn: points) {
            logger.info("listening on \(address)")
        }
        let watcher = ModelWatcher(engine.generator) { log($0) }
        let scheduling = jobs.configuration
        let use = scheduling.smallStepOperations == nil ? "" : " for small jobs, 1 for large ones"
        logger.info(
            "ready; lanes: \(scheduling.laneCount)\(use), threads they share: \(engine.threads)")
        if let interval = manager.watchdogInterval {
            server.pulse(every: interval / 2) { [manager] in manager.tell(.alive) }
        }
        manager.tell(.ready, status: "serving")

        await Interruption.hungUp {
            reload(server, jobs)
        } during: {
            await ended()
        }
        watcher.stop()
        await stop(server, jobs)
    }

    // MARK: Beginning

    private func listeningPoints() throws -> [ListeningPoint] {
        let addresses = try command.addresses(hasSockets: !manager.sockets.isEmpty)
        return manager.sockets.map { .inherited($0) } + addresses.map { .address($0) }
    }

    private func adminPoint() throws -> ListeningPoint? {
        try manager.adminSockets.first.map { .inherited($0) }
            ?? command.operation.adminAddress().map { .address($0) }
    }

    // MARK: While it serves

    private func admit(_ tenants: Tenants?, to jobs: JobScheduler) {
        guard let tenants else { return }
        jobs.setLimits(
            Dictionary(uniqueKeysWithValues: tenants.all.map { ($0.name, $0.limits) }))
        logger.info("tenants: \(tenants.all.map(\.name).joined(separator: ", "))")
        if let warning = command.access.warning { logger.warning("\(warning)") }
    }

    /// At SIGHUP: the tokens, where they come from a file.
    private func reload(_ server: RefineryServer, _ jobs: JobScheduler) {
        manager.tell(.reloading)
        defer { manager.tell(.ready, status: "serving") }
        guard command.access.tokens != nil else {
            return logger.notice("there is no file of tokens to read again: see --tokens")
        }
        do {
            guard let tenants = try command.access.tenants() else { return }
            server.setTenants(tenants)
            admit(tenants, to: jobs)
            logger.notice("the tokens have been read again")
        } catch {
            logger.error("the tokens stay as they were: \(error)")
        }
    }

    private func log(_ report: Result<ModelChanges, ModelCatalogError>) {
        switch report {
        case .success(let changes):
            for model in changes.changed { log(model) }
            for id in changes.gone { logger.notice("model \(id) is gone from the directory") }
        case .failure(let error): logger.warning("the models stay as they were: \(error)")
        }
    }

    private func log(_ model: ModelDescription) {
        let line = "model \(Wording.facts(of: model))"
        logger.log(level: model.problem.isEmpty ? .info : .warning, "\(line)")
    }

    // MARK: The end

    private func stop(_ server: RefineryServer, _ jobs: JobScheduler) async {
        let (counts, limit) = (jobs.metrics.snapshot.jobs, command.operation.drainSeconds)
        logger.notice(
            "stopping; a second signal ends the process at once",
            metadata: [
                "running": "\(counts.running)", "queued": "\(counts.queued)",
                "drain_seconds": "\(Wording.fixed(limit, 0))",
            ])
        manager.tell(.stopping, status: "finishing \(counts.running) running jobs")
        await server.beginStopping()
        let lanesEnded = await withCheckedContinuation { continuation in
            // It waits, which a task's thread must not.
            DispatchQueue.global().async {
                continuation.resume(returning: jobs.drain(within: .seconds(limit)))
            }
        }
        await server.stop()
        logger.notice("stopped")
        // A step that is still computed uses what the libraries' own goodbyes would take away.
        if !lanesEnded {
            logWriter.flush()
            _exit(ExitStatus.done.rawValue)
        }
    }
}
