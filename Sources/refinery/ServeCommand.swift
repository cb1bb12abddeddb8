import ArgumentParser
import Generation
import Jobs
import Logging
import Server
import Transport

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves pictures to clients.",
        discussion: """
            Without --tokens whoever reaches the server may use it, so it listens on loopback and Unix sockets
            (mode 0600) only. With a file of tokens each call must bring one, every tenant has its own jobs and
            pictures, and the server may listen anywhere; put TLS in front of it there (dev/tls).

            SIGTERM or SIGINT ends it: no new jobs are taken, what runs has --drain-seconds to finish, what is
            queued for clients is sent. The second signal ends it at once. SIGHUP reads the tokens again.

            With --data a job that was accepted is not lost, whatever ends the process: the next start goes
            on with it from its last checkpoint, and finished pictures are still there. Ended jobs and their
            pictures are forgotten after --keep-days, and the oldest of them when there are more than
            --keep-gib of pictures or 10000 jobs. Without --data jobs end with the process.

            After each step a lane may turn to another job. Waiting jobs are begun by priority, of which a
            minute of waiting counts 1, then by the client that has been served least, then by the least
            work. One that has a higher priority, or at most half the work left, is begun beside a job under
            way and passes it; up to 3 jobs set aside so share a quarter of the time until they go on. No
            picture changes by it.

            A job whose steps fill the threads is worked on alone. Small ones, such as the built-in models'
            pictures, are worked on beside each other, as that makes more of them; with --lanes any jobs are.

            A job whose estimated memory is beyond --memory is refused; while jobs do not fit beside each
            other, or the machine has less than a tenth of its memory left, none is begun beside another.
            Models are mapped files and do not count. GetStats and the log tell.

            Under systemd it says when it is ready, takes sockets that are open already (one named admin is
            the admin port), and keeps the watchdog quiet: see dev/systemd.

            As many connections are taken as the limit on open files leaves room for: ulimit -n, raised to
            its hard limit or 65536. What one connection may cost is in Proto/PROTOCOL.md.

            EXAMPLES
              refinery serve
              refinery serve --models ~/models --threads 8 --memory 8
              refinery serve --data ~/refinery-data --keep-days 30
              refinery serve --listen 127.0.0.1:7420 --listen unix:/run/refinery.sock
              refinery serve --config /etc/refinery/refinery.conf --check
              refinery serve --tokens tokens --admin 127.0.0.1:7421 --log-format json
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen, HOST:PORT or unix:PATH; may be repeated. Port 0 is any free one. "
                + "127.0.0.1:7420 unless given.",
            valueName: "address"))
    var listen: [String] = []

    @OptionGroup var engine: EngineOptions

    @Option(
        help: ArgumentHelp(
            "What requests get that name no model: the folder's SDXL base, or the built-in one, unless given.",
            valueName: "model"))
    var defaultModel: String?

    @OptionGroup var lanes: LaneOptions

    @Option(
        help: ArgumentHelp(
            "Memory that jobs may take together, beside the mapped models; half the machine's, or of this process's control group, unless given.",
            valueName: "GiB"))
    var memory: Double?

    @OptionGroup var keeping: KeepingOptions

    @OptionGroup var access: AccessOptions

    @OptionGroup var operation: OperationOptions

    func validate() throws {
        guard memory.map({ (0.05...1e6).contains($0) }) ?? true else {
            throw ValidationError("--memory is \(memory ?? 0): give GiB, from 0.05.")
        }
    }

    func run() async throws {
        if operation.check { return try check() }
        let run = try ServeRun(self, ServiceManager())
        defer { run.logWriter.flush() }
        let (signals, signal) = AsyncStream<Void>.makeStream()
        let end: @Sendable () -> Void = { signal.finish() }
        try await Interruption.handled(by: end) {
            try await run.serve { for await _ in signals {} }
        }
    }

    func scheduling(_ logger: Logger) -> JobScheduler.Configuration {
        var configuration = lanes.scheduling(threads: engine.threadCount)
        let machine = MachineMemory.read()
        configuration.memoryByteMaximum =
            memory.map { Int($0 * Double(1 << 30)) } ?? machine.map { $0.limitByteCount / 2 }
        configuration.limits.defaultModel = defaultModel ?? ""
        configuration.machineMemory = MachineMemory.read
        configuration.notice = { logger.warning("\(Wording.printable($0))") }
        if let budget = configuration.memoryByteMaximum {
            logger.info("memory for jobs, beside mapped models: \(Wording.bytes(budget))")
        }
        return configuration
    }

    /// The engine, with a base under the name that `--default-model` gives.
    ///
    /// - Throws: ``UsageError``.
    func makeEngine() throws -> Engine {
        let engine = try Engine(
            engine, lanes: lanes.scheduling(threads: engine.threadCount).laneCount)
        if let defaultModel {
            let bases = engine.models.filter { $0.role == .base }
            guard
                bases.contains(where: { $0.id == defaultModel || $0.aliases.contains(defaultModel) }
                )
            else {
                throw UsageError(
                    "--default-model is \(defaultModel), which is no base model here: give one of "
                        + "\(bases.map(\.id).joined(separator: ", ")).")
            }
        }
        return engine
    }

    private func check() throws {
        let check = ServeCheck(self)
        Terminal.write(check.text, to: .output)
        guard check.problemCount == 0 else {
            throw UsageError("a start would fail: \(check.problemCount) of the lines above say why")
        }
    }

    /// Where to listen besides sockets that are open already.
    ///
    /// - Throws: ``UsageError`` for one that other machines could reach while nobody needs a token.
    func addresses(hasSockets: Bool) throws -> [SocketAddress] {
        let texts = listen.isEmpty && !hasSockets ? ["127.0.0.1:7420"] : listen
        let tenants = try access.tenants()
        return try texts.map { text in
            let address = try SocketAddress(text)
            do throws(TransportError) {
                try RefineryServer.checkMayListen(on: address, tenants: tenants)
            } catch {
                throw UsageError("--listen \(error.message)")
            }
            return address
        }
    }
}
