import ArgumentParser
import Generation
import Transport

struct LoadTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loadtest",
        abstract: "Puts load on a server, and says how it bears it.",
        discussion: """
            Without --server it starts one of its own on a free port, by default with the built-in models, \
            and without flags it runs one canonical load: 4 callers for 30 seconds.

            An open loop (--rate) asks at random moments, whether or not earlier requests are answered, as \
            the world does; times count from the moment at which a request was meant to begin, so a server \
            that stalls is charged for all who would have come meanwhile. A closed loop (--clients) asks \
            again when it is answered: it tells how much a server can do, and flatters its latencies.

            Some callers cancel their job, some are gone in mid-stream, some read slowly: their requests \
            count in the sums, not in the times. Pictures that are asked for again must have the same \
            bytes. Every request must have one end, and the server must have counted the same.

            EXAMPLES
              refinery loadtest
              refinery loadtest --rate 2 --duration 60 --html report.html
              refinery loadtest --server 127.0.0.1:7420 --clients 16 --json > today.json
              refinery loadtest --server 127.0.0.1:7420 --rate 0.5 --timeout 600 \\
                --refiner sd_xl_refiner_1.0 --handoff none --handoff 80 \\
                --size 512x512 --size 1024x1024 --steps 30
              refinery loadtest --rate 5 --max-p99 image=2s --max-p99 accepted=50ms

            EXIT CODES
              0 all thresholds met, 2 bad usage or request, 3 server unreachable,
              4 a threshold not met, 130 interrupted
            """)

    @OptionGroup var source: SourceOptions

    @OptionGroup var lanes: LaneOptions

    @OptionGroup var load: LoadOptions

    @OptionGroup var thresholds: LoadThresholds

    @Flag(help: "Others use the server too: do not hold the sums against its counts.")
    var shared = false

    @Flag(help: "Report as JSON.")
    var json = false

    @Option(help: ArgumentHelp("Write a page with plots, too.", valueName: "file"))
    var html: String?

    func validate() throws {
        if source.access.retry > 0 {
            throw ValidationError("--retry would hide what is refused: leave it out.")
        }
        if lanes.given != nil, source.server != nil {
            throw ValidationError("--lanes is for a server of this command's own: leave it out.")
        }
    }

    func run() async throws {
        let plan = try load.plan(
            isBuiltIn: source.server == nil && source.engine.models == nil && load.model == nil)
        // Before the work rather than after it.
        var page = try html.map { try PictureFiles(output: $0, count: 1) }
        ConnectionLimit.raiseDescriptorLimit()
        let work = Task { try await measure(plan) }
        let cancel: @Sendable () -> Void = { work.cancel() }
        let report = try await Interruption.handled(by: cancel) { try await work.value }
        _ = try page?.write(Array(report.html.utf8))
        let usesColours = Terminal.width(of: .output) != nil && Terminal.wantsColours
        Terminal.write(
            json ? report.json.text + "\n" : report.text(usesColours: usesColours), to: .output)
        guard report.isMet else { throw NotMet(report.verdicts.count { !$0.isMet }) }
    }

    private func measure(_ plan: LoadPlan) async throws -> LoadReport {
        if let server = source.server {
            return try await measure(plan, at: server, called: server)
        }
        let server = try await LoadServer(source.engine, lanes)
        do {
            let report = try await measure(
                plan, at: server.address, called: "a server of its own in this process")
            await server.stop()
            return report
        } catch {
            await server.stop()
            throw error
        }
    }

    private func measure(
        _ plan: LoadPlan, at address: String, called name: String
    ) async throws -> LoadReport {
        let calls = try LoadCalls(
            address, token: source.server == nil ? nil : try source.access.token(), mix: plan.mix,
            timeout: .seconds(load.timeout))
        defer { calls.close() }
        return try await LoadTest(
            plan: plan, calls: calls, thresholds: thresholds, serverName: name, isShared: shared,
            progress: Self.showProgress
        ).run()
    }

    /// How it stands, on a line that is gone at the end.
    private static func showProgress(_ text: String) {
        guard Terminal.width(of: .error) != nil else { return }
        Terminal.write("\r\u{1B}[K\(text)", to: .error)
    }

    /// Thresholds; the report says which.
    private struct NotMet: Error, CustomStringConvertible {
        let description: String

        init(_ count: Int) {
            description = "\(count) of the conditions above \(count == 1 ? "is" : "are") not met"
        }
    }
}
