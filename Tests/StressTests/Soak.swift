import Client
import Generation
import ServerProcesses
import TestSupport
import Wire

@testable import refinery

/// A server that is killed now and then and started again on what it left, and what is seen of it meanwhile.
final class Soak {
    /// Of all its servers.
    var address: String { server.address }
    private(set) var census = JobCensus()
    private(set) var residentMiB = Trend()
    private(set) var descriptors = Trend()
    private(set) var killCount = 0
    private(set) var lookCount = 0

    private let folder: ServerFolder
    private var server: ServerProcess
    private var began = ContinuousClock.now
    private var draws: Draws

    private static let lookInterval = Duration.seconds(1)
    /// What has ended is forgotten after 43 seconds, so that from a minute on memory shows what leaks and not what
    /// is kept; a census is taken more often than that.
    private static let flags = ["--keep-days", "0.0005"]

    init(seed: Int) async throws {
        folder = try ServerFolder()
        server = try await ServerProcess(folder, data: "soak", flags: Self.flags)
        draws = Draws(state: UInt64(seed))
        beginLife()
    }

    deinit { server.kill() }

    private func beginLife() {
        began = .now
        residentMiB.beginLife()
        descriptors.beginLife()
    }

    /// Kills it once at least, and not before it has finished a job, however slow the machine.
    ///
    /// - Parameter interval: between two kills, on the average.
    func keep(for duration: Duration, killing interval: Duration) async throws {
        let end = ContinuousClock.now + duration
        var nextKill = ContinuousClock.now + drawn(interval)
        while .now < end || killCount == 0 {
            let now = ContinuousClock.now
            let moments = [now + Self.lookInterval, nextKill, end].filter { $0 > now }
            try await Task.sleep(until: moments.min() ?? now, clock: .continuous)
            if .now >= nextKill, census.states.values.contains(.finished) {
                try await killAndRestart()
                nextKill = .now + drawn(interval)
            } else {
                try await look()
            }
        }
    }

    /// Half to three halves of it.
    private func drawn(_ interval: Duration) -> Duration {
        interval * (0.5 + Double(draws.next(below: 1000)) / 1000)
    }

    private func killAndRestart() async throws {
        server.kill()
        killCount += 1
        // Some callers come while there is none.
        try await Task.sleep(for: .milliseconds(draws.next(below: 1000)))
        server = try await ServerProcess(folder, data: "soak", flags: Self.flags)
        beginLife()
    }

    private func look() async throws {
        let figures = try ProcessFigures(of: server.processID)
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        residentMiB.add(Double(figures.residentByteCount) / Double(1 << 20), at: seconds)
        descriptors.add(Double(figures.descriptorCount), at: seconds)
        var filter = JobFilter(pageSize: JobFilter.pageSizes.upperBound)
        var jobs: [JobDescription] = []
        repeat {
            let page = try await server.client.jobs(filter)
            jobs += page.jobs
            filter.pageToken = page.nextToken
        } while filter.pageToken != nil
        census.look(at: jobs)
        let stats = try await server.client.serverStats()
        let ended = stats.finished + stats.failed + stats.cancelled
        census.require(
            stats.accepted == ended + UInt64(stats.queued + stats.running + stats.paused),
            "the sums do not close: \(stats)")
        lookCount += 1
    }

    /// Waits until no job is under way any more, and looks a last time.
    func settle() async throws {
        while true {
            let stats = try await server.client.serverStats()
            if stats.queued + stats.running == 0 { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        try await look()
    }
}
