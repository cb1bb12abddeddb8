import Dispatch
import Generation
import Jobs
import Logging
import SDXL
import Server
import Transport

/// A server in this process, on a free port of loopback, that keeps nothing.
struct LoadServer: Sendable {
    /// Where it listens.
    let address: String
    private let server: RefineryServer
    private let jobs: JobScheduler

    /// - Throws: ``UsageError`` when the models cannot be used, `TransportError`.
    init(_ options: EngineOptions, _ lanes: LaneOptions) async throws {
        var scheduling = lanes.scheduling(threads: options.threadCount)
        let engine = try Engine(options, lanes: scheduling.laneCount)
        // Nobody comes back for them.
        scheduling.retention = Retention(byteMaximum: 64 << 20)
        jobs = try JobScheduler(generator: engine.generator, configuration: scheduling)
        var configuration = ServerConfiguration(version: Refinery.version)
        configuration.threadsPerLane = engine.threads
        ConnectionLimit.raiseDescriptorLimit()
        let server = try RefineryServer(
            configuration: configuration, jobs: jobs, generator: engine.generator,
            logger: Logger(label: "loadtest") { _ in SwiftLogNoOpLogHandler() })
        self.server = server
        do {
            address = try await server.start(listeningOn: [SocketAddress("127.0.0.1:0")])[0]
                .description
        } catch {
            await Self.stop(server, jobs)
            throw error
        }
    }

    func stop() async { await Self.stop(server, jobs) }

    private static func stop(_ server: RefineryServer, _ jobs: JobScheduler) async {
        await server.stop()
        await withCheckedContinuation { continuation in
            // Waits for the step in progress: not on a thread that tasks share.
            DispatchQueue.global().async {
                jobs.stop(drain: false)
                continuation.resume()
            }
        }
    }
}
