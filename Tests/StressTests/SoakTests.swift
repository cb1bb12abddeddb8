import Client
import Foundation
import Generation
import Locking
import ServerProcesses
import TestSupport
import Testing
import Wire

@testable import refinery

/// Mixed load on a server for a while, with callers who cancel, are cut off and read slowly, and a server that
/// is killed now and then. Short by default; `dev/soak` runs the half hour that `Tests/README.md` tells of, and
/// holds the server to its limits on time and growth too.
@Suite(.timeLimit(.minutes(300)))
struct SoakTests {
    /// In which requests begin.
    static let seconds = number("REFINERY_SOAK_SECONDS") ?? 8
    /// Between two kills on the average: half to three halves of it.
    static let killSeconds = number("REFINERY_SOAK_KILL_SECONDS") ?? 5
    static let seed = number("REFINERY_SOAK_SEED") ?? .random(in: 0..<1 << 30)
    static let isFull = number("REFINERY_SOAK_SECONDS") != nil

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
    }

    static let mix = LoadMix(
        model: "tiny-base", refiner: "tiny-refiner",
        sizes: [64, 64, 64, 128].map { ImageSize(height: $0, width: $0) }, steps: [3, 8],
        handoffs: [nil, 75], seedCount: 1, cancelShare: 0.1, cutShare: 0.15, slowShare: 0.05)

    @Test func `with deaths on both sides nothing is lost, doubled or left behind`() async throws {
        let soak = try await Soak(seed: Self.seed)
        let address = soak.address
        let calls = try LoadCalls(
            address, token: nil, mix: Self.mix, timeout: .seconds(600),
            reconnectLimit: .seconds(60))
        defer { calls.close() }
        let samples = SampleBox()
        let recorder = LoadRecorder { samples.add($0) }
        let plan = LoadPlan(
            mix: Self.mix, arrivals: .closed(clients: 6), duration: .seconds(Self.seconds),
            seed: UInt64(Self.seed))
        async let load: Void = LoadRunner(plan: plan, calls: calls, recorder: recorder).run()
        async let pings = Self.pings(address)
        try await soak.keep(for: .seconds(Self.seconds), killing: .seconds(Self.killSeconds))
        try await load
        try await soak.settle()
        let latencies = try await pings
        let record = await recorder.record

        var census = soak.census
        census.hold(against: samples.expectedEnds)
        #expect(census.faults.isEmpty, "seed \(Self.seed)")
        #expect(samples.surprises.isEmpty, "seed \(Self.seed)")
        #expect(record.sumsClose && record.unlikeKinds.isEmpty, "seed \(Self.seed)")
        #expect(record.finished > 0 && soak.killCount > 0)

        print(
            """
            soak: \(Self.seconds) s, seed \(Self.seed), killed \(soak.killCount) times
            \(record.started) requests = \(record.finished) finished + \(record.cancelled) cancelled + \
            \(record.cut) cut + \(record.refused) refused + \(record.failed) failed, of which \
            \(samples.unheardCount) found no server
            \(census.states.count) jobs, each with one end; \(record.repeatedKindCount) kinds of request \
            asked for again, always the same bytes; the sums closed in \(soak.lookCount) looks
            """)
        guard Self.isFull else { return }
        let memory = try #require(soak.residentMiB.slopePerHour(after: 60))
        let descriptors = try #require(soak.descriptors.slopePerHour(after: 60))
        print(
            """
            memory \(Wording.fixed(memory, 2)) MiB an hour from a minute after each start on, at most \
            \(Wording.fixed(soak.residentMiB.largest, 1)) MiB
            descriptors \(Wording.fixed(descriptors, 2)) an hour, at most \
            \(Wording.fixed(soak.descriptors.largest, 0))
            Ping while computing: \(latencies)
            """)
        #expect(latencies.percentile(0.99) < 10)
        #expect(memory < 16 && abs(descriptors) < 6)
    }

    /// For as long as requests begin; a server that is away is not timed.
    static func pings(_ address: String) async throws -> Latencies {
        var options = RefineryClient.Options()
        options.reconnectLimit = .zero
        let client = try RefineryClient(address, options: options)
        defer { client.close() }
        let end = ContinuousClock.now + .seconds(seconds)
        var latencies: [Duration] = []
        while .now < end {
            let begun = ContinuousClock.now
            if (try? await client.ping()) != nil { latencies.append(.now - begun) }
            try await Task.sleep(for: .milliseconds(100))
        }
        return Latencies(latencies)
    }

    @Test func `a trend is the slope within lives, not between them`() throws {
        var trend = Trend()
        for level in [100.0, 10] {
            trend.beginLife()
            for second in stride(from: 0.0, through: 10, by: 1) {
                // Begins with a jump, and goes on by 2 in a second.
                trend.add(level + (second < 2 ? -50 : 2 * second), at: second)
            }
        }
        #expect(abs(try #require(trend.slopePerHour(after: 2)) - 7200) < 1e-6)
        #expect(try #require(trend.slopePerHour(after: 0)) > 7300)
        #expect(trend.largest == 120 && trend.slopePerHour(after: 10) == nil)
    }

    @Test func `a census finds what is lost, doubled or changes its end`() throws {
        func job(_ id: String, _ state: JobState) -> JobDescription {
            let plan = GenerationPlan(
                model: "m", refinerModel: nil, size: ImageSize(height: 64, width: 64), seeds: [1],
                scheduler: "Euler", spacing: "leading", timesteps: [1], sigmas: [1, 0],
                baseSteps: 1, refinerSteps: 0, handoff: nil, advice: [])
            return JobDescription(
                id: id, state: state, plan: plan, createdMilliseconds: 0, sequence: 1)
        }
        var census = JobCensus()
        census.look(at: [job("a", .running), job("b", .finished)])
        census.look(at: [job("a", .finished), job("b", .finished)])
        census.hold(against: ["a": [.finished], "b": [.finished, .cancelled]])
        #expect(census.faults == [])
        census.look(at: [job("a", .queued), job("c", .cancelled), job("c", .cancelled)])
        #expect(census.faults == ["a was finished, and is queued", "c is there twice"])
        census.hold(against: ["a": [.queued], "b": [.cancelled], "d": [.finished]])
        #expect(
            census.faults.dropFirst(2).sorted() == [
                "b is finished, and not one of [Generation.JobState.cancelled]",
                "d was accepted, and is lost", "nobody has asked for c",
            ])
    }
}

/// What callers saw.
private final class SampleBox: Sendable {
    private struct Seen {
        var ends: [String: [JobState]] = [:]
        var surprises: [String] = []
        var unheardCount = 0
    }

    private let seen = Locked(Seen())

    func add(_ sample: LoadSample) {
        seen.withLock { seen in
            if let id = sample.jobID { seen.ends[id] = Self.states(sample) }
            guard case .failed(let failure) = sample.end else { return }
            switch (sample.request.behaviour, sample.jobID) {
            // Came while there was no server, and was told so.
            case (_, nil) where failure.code == "unreachable": seen.unheardCount += 1
            // Its CancelJob did, and it left.
            case (.cancels, _?) where ["unreachable", "connectionLost"].contains(failure.code):
                break
            default:
                seen.surprises.append("\(sample.request): \(failure.code), \(failure.message)")
            }
        }
    }

    /// Those of an accepted job that fit what its caller saw.
    private static func states(_ sample: LoadSample) -> [JobState] {
        switch sample.end {
        case .finished: [.finished]
        case .cancelled: [.cancelled]
        // Left alone: it may have been too late.
        case .cut, .failed, .refused: [.finished, .cancelled]
        }
    }

    var expectedEnds: [String: [JobState]] { seen.withLock { $0.ends } }
    var surprises: [String] { seen.withLock { $0.surprises } }
    var unheardCount: Int { seen.withLock { $0.unheardCount } }
}
