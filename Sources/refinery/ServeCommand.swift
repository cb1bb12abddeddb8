import ArgumentParser
import Generation
import Jobs
import Logging
import SDXL
import Server
import Tensors
import Transport

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves pictures to clients.",
        discussion: """
            SIGTERM or SIGINT ends it: what is queued for clients is sent, the second signal ends it at once.

            With --data a job that was accepted is not lost, whatever ends the process: the next start goes
            on with it from its last checkpoint, and finished pictures are still there. Ended jobs and their
            pictures are forgotten after --keep-days, and the oldest of them when there are more than
            --keep-gib of pictures or 10000 jobs. Without --data jobs end with the process.

            EXAMPLES
              refinery serve
              refinery serve --models ~/models --threads 8
              refinery serve --data ~/refinery-data --keep-days 30
              refinery serve --listen 127.0.0.1:7420 --listen unix:/run/refinery.sock
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, HOST:PORT or unix:PATH; may be repeated. Port 0 is any free one.",
            valueName: "address"))
    var listen = ["127.0.0.1:7420"]

    @OptionGroup var engine: EngineOptions

    @Option(help: "Jobs that are worked on at once; those that have work share the threads.")
    var lanes = 1

    @OptionGroup var keeping: KeepingOptions

    func validate() throws {
        guard (1...64).contains(lanes) else {
            throw ValidationError("--lanes is \(lanes): give 1 to 64.")
        }
    }

    func run() async throws {
        let addresses = try listen.map(loopbackAddress)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let (signals, signal) = AsyncStream<Void>.makeStream()
        let end: @Sendable () -> Void = { signal.finish() }
        try await Interruption.handled(by: end) {
            try await serve(at: addresses) { for await _ in signals {} }
        }
    }

    /// Until `ended` returns.
    private func serve(at addresses: [SocketAddress], until ended: () async -> Void) async throws {
        let logger = Logger(label: "refinery")
        logger.info("version \(Refinery.version)")
        let gflops = Calibration.measureGFLOPS()
        logger.info("BLAS \(Calibration.coreName), \(Wording.fixed(gflops, 0)) GFLOPS per thread")

        let engine = try Engine(engine, lanes: lanes)
        for model in engine.models { log(model, to: logger) }
        let jobs = try keeping.openJobs(engine.generator, lanes: lanes)
        for notice in jobs.notices { logger.warning("\(Wording.printable(notice))") }
        if !jobs.isDurable {
            logger.info("jobs end with the process: --data DIR would keep them")
        }

        var configuration = ServerConfiguration(version: Refinery.version)
        configuration.blasCore = Calibration.coreName
        configuration.blasGFLOPS = gflops
        configuration.threadsPerLane = engine.threads
        let server = try RefineryServer(
            configuration: configuration, jobs: jobs, generator: engine.generator, logger: logger)
        for address in try await server.start(listeningOn: addresses) {
            logger.info("listening on \(address)")
        }
        let watcher = ModelWatcher(engine.generator) { report in
            switch report {
            case .success(let changes):
                for model in changes.changed { log(model, to: logger) }
                for id in changes.gone {
                    logger.info("model \(Wording.printable(id)) is gone from the directory")
                }
            case .failure(let error):
                logger.warning("the models stay as they were: \(Wording.printable("\(error)"))")
            }
        }
        logger.info("ready; lanes: \(lanes), threads that they share: \(engine.threads)")

        await ended()
        watcher.stop()
        await server.stop()
        jobs.stop(drain: false)
        logger.info("stopped")
    }

    /// Without tokens for clients, whoever reaches the port may use it.
    private func loopbackAddress(_ text: String) throws -> SocketAddress {
        let address = try SocketAddress(text)
        guard address.isLoopback else {
            throw UsageError(
                "--listen \(text) can be reached from other machines, and this server cannot yet tell "
                    + "its clients apart. Listen on 127.0.0.1, [::1] or unix:PATH, and let others in "
                    + "through a tunnel.")
        }
        return address
    }

    private func log(_ model: ModelDescription, to logger: Logger) {
        let size = Wording.bytes(Int(model.byteCount))
        let facts = "\(model.id): \(model.architecture), \(model.dtype), \(size)"
        if model.problem.isEmpty {
            logger.info("model \(Wording.printable(facts))")
        } else {
            logger.warning("model \(Wording.printable("\(facts); \(model.problem)"))")
        }
    }
}
