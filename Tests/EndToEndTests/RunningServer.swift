import Foundation
import Generation
import Jobs
import Locking
import Logging
import Server
import TestSupport
import Testing
import Transport
import Wire

/// A server with a ``FakeGenerator``, on a port of its own.
struct RunningServer {
    let generator: FakeGenerator
    let jobs: JobScheduler
    let server: RefineryServer
    let addresses: [SocketAddress]
    let log: CapturedLog

    var control: FakeControl { generator.control }
    var port: UInt16 { addresses.first?.port ?? 0 }

    func client() throws -> WireClient { try WireClient(port: port) }

    /// Starts a server, lends it, and stops it whatever happens.
    static func with(
        lanes: Int = 1, queueLimit: Int = 64, limits: GenerationLimits = GenerationLimits(),
        listeningOn texts: [String] = ["127.0.0.1:0"],
        configuration: ServerConfiguration = .testing { _ in },
        _ body: (RunningServer) async throws -> Void
    ) async throws {
        let generator = FakeGenerator()
        let jobs = try JobScheduler(
            generator: generator,
            configuration: JobScheduler.Configuration(
                laneCount: lanes, queueLimit: queueLimit, limits: limits))
        let log = CapturedLog()
        var logger = Logger(label: "test") { _ in log.handler }
        logger.logLevel = .debug
        let server = try RefineryServer(
            configuration: configuration, jobs: jobs, generator: generator, logger: logger)
        let result: Result<Void, any Error>
        do {
            let addresses = try await server.start(
                listeningOn: texts.map { text throws in try SocketAddress(text) })
            result = .success(
                try await body(
                    RunningServer(
                        generator: generator, jobs: jobs, server: server, addresses: addresses,
                        log: log)))
        } catch {
            result = .failure(error)
        }
        generator.control.release()
        await server.stop()
        jobs.stop(drain: false)
        try result.get()
    }

    /// Asks on a connection of its own until the server says so.
    func wait(until condition: (ServerStats) -> Bool) async throws {
        var client = try client()
        while true {
            guard case .stats(let stats) = try client.call(.getStats) else { return }
            #expect(
                stats.accepted == stats.finished + stats.failed + stats.cancelled
                    + UInt64(stats.queued + stats.running + stats.paused))
            if condition(stats) { return }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension ServerConfiguration {
    /// With no limit on time but those a test sets: the machine may be slow.
    static func testing(_ change: (inout ServerConfiguration) -> Void) -> ServerConfiguration {
        var configuration = ServerConfiguration(version: "1.2.3")
        configuration.headerTimeout = .seconds(3600)
        configuration.payloadTimeout = .seconds(3600)
        configuration.progressInterval = .seconds(3600)
        configuration.closeTimeout = .seconds(3600)
        configuration.unacknowledgedTimeout = .seconds(3600)
        change(&configuration)
        return configuration
    }
}

/// What was logged, a line for each entry.
final class CapturedLog: Sendable {
    private let captured = Locked<[String]>([])

    var lines: [String] { captured.withLock { $0 } }

    var handler: Handler { Handler(log: self) }

    struct Handler: LogHandler {
        let log: CapturedLog
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.debug

        init(log: CapturedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }
            let line =
                "\(event.level) \(event.message)"
                + pairs.map { " \($0.key)=\($0.value)" }.joined()
            log.captured.withLock { $0.append(line) }
        }
    }
}

/// Requests the tests make.
extension GenerationRequest {
    /// A small picture by the base alone.
    static func picture(
        _ prompt: String = "a lighthouse", steps: Int = 4, id: String? = nil
    ) -> GenerationRequest {
        var request = GenerationRequest()
        request.requestID = id
        request.positivePrompt = prompt
        request.steps = steps
        request.seed = 7
        return request
    }

    /// The same, finished by the refiner from step `start` on.
    func refined(from start: Int) -> GenerationRequest {
        var request = self
        var refiner = Refiner()
        refiner.model = "refiner"
        refiner.startStep = start
        request.refiner = refiner
        return request
    }
}

extension Event {
    var image: Image? {
        if case .image(let image) = content { image } else { nil }
    }

    var progress: Progress? {
        if case .progress(let progress) = content { progress } else { nil }
    }

    /// The kind of news, for tests of order.
    var kind: String {
        switch content {
        case .accepted: "accepted"
        case .queued: "queued"
        case .progress(let progress):
            "\(progress.phase) \(progress.phaseStep)/\(progress.phaseSteps)"
        case .handedOff: "handedOff"
        case .image(let image): "image \(image.imageIndex)"
        case .resumed: "resumed"
        case .ended: "ended"
        }
    }
}

/// Whether each is larger than the one before.
func grows(_ numbers: [UInt64]) -> Bool { zip(numbers, numbers.dropFirst()).allSatisfy(<) }

/// A path nobody else uses, short enough for a socket, removed in the end.
final class TemporaryPath: Sendable {
    let path = "/tmp/refinery-\(UInt32.random(in: 0...UInt32.max))"

    deinit { unlink(path) }
}
