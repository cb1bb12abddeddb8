import ArgumentParser
import Client
import Generation
import Testing

@testable import refinery

/// Whole load tests, of about a second, against a server of their own.
@Suite(.timeLimit(.minutes(5))) struct LoadTestTests {
    static func run(arguments: [String]) async throws -> LoadReport {
        let command = try #require(
            try Refinery.parseAsRoot(["loadtest"] + arguments) as? LoadTestCommand)
        let server = try await LoadServer(command.source.engine, command.lanes)
        do {
            let plan = try command.load.plan(isBuiltIn: true)
            let calls = try LoadCalls(
                server.address, token: nil, mix: plan.mix, timeout: .seconds(60))
            defer { calls.close() }
            let report = try await LoadTest(
                plan: plan, calls: calls, thresholds: command.thresholds, serverName: "test",
                isShared: command.shared
            ).run()
            await server.stop()
            return report
        } catch {
            await server.stop()
            throw error
        }
    }

    /// Requests so small that some are done in a second, whatever else the machine does.
    static let small = ["--duration", "1.5", "--size", "64x64", "--steps", "2", "--seeds", "1"]

    @Test(arguments: [["--rate", "8"], ["--clients", "3"]])
    func `a run with every kind of caller closes its sums, and the server's`(
        arrivals: [String]
    ) async throws {
        let report = try await Self.run(
            arguments: arrivals + Self.small + [
                "--handoff", "none", "--handoff", "50", "--cancels", "15", "--cuts", "15", "--slow",
                "15",
            ])
        #expect(report.verdicts.filter { !$0.isMet } == [], "\(report.text(usesColours: false))")
        let record = report.record
        #expect(record.started > 0 && record.sumsClose && report.ledger?.holds == true)
        #expect(record.failed == 0 && record.refused == 0)
        #expect(record.unlikeKinds.isEmpty)
        #expect(record.image.count <= record.accepted.count)
    }

    @Test func `who asks again is given the same bytes, and every moment has its time`()
        async throws
    {
        let report = try await Self.run(
            arguments: ["--clients", "2"] + Self.small + [
                "--handoff", "50", "--cancels", "0", "--cuts", "0", "--slow", "0",
            ])
        let record = report.record
        #expect(report.isMet, "\(report.text(usesColours: false))")
        #expect(record.started == record.finished && record.image.count == record.finished)
        #expect(record.digests.count == 1 && record.repeatedKindCount == 1)
        #expect(record.accepted.count == record.finished)
        #expect(record.firstProgress.count == record.finished)
        #expect(record.baseStep.count > 0 && record.refinerStep.count > 0)
        #expect(!record.estimates.named.isEmpty)
        let medians = [record.accepted, record.firstProgress, record.image].map {
            $0.seconds(at: 0.5) ?? -1
        }
        #expect(medians == medians.sorted() && medians[0] >= 0)
    }

    @Test func `a full queue refuses, and that is counted alike here and there`() async throws {
        // More at once than a server's queue takes.
        let report = try await Self.run(
            arguments: [
                "--rate", "1000", "--duration", "0.4", "--size", "64x64", "--steps", "2",
                "--cancels",
                "0", "--cuts", "0", "--slow", "0",
            ])
        #expect(report.record.refused > 0 && report.record.sumsClose)
        #expect(report.record.failures.keys.sorted() == ["queueFull"])
        #expect(report.ledger?.holds == true)
        #expect(report.isMet, "\(report.text(usesColours: false))")
    }

    @Test func `a threshold that cannot be kept is not met`() async throws {
        let report = try await Self.run(
            arguments: ["--clients", "1"] + Self.small + ["--max-p50", "image=0.001ms"])
        #expect(!report.isMet)
    }

    @Test func `time counts from when a request was meant to begin`() async throws {
        let server = try await LoadServer(EngineOptions.parse([]), LaneOptions.parse([]))
        let mix = LoadMix(sizes: [ImageSize(height: 64, width: 64)], steps: [1])
        let calls = try LoadCalls(server.address, token: nil, mix: mix, timeout: .seconds(60))
        // One that could not begin for an hour, as behind a server that has stalled.
        let sample = await calls.run(
            mix.request(0, seed: 1), intended: .now.advanced(by: .seconds(-3600)), start: 0)
        calls.close()
        await server.stop()
        #expect(sample.lateness >= 3600)
        for time in [sample.acceptedTime, sample.firstProgressTime, sample.endTime] {
            #expect(try #require(time) >= 3600)
        }
    }

    @Test func `a server that is not there is told of, not measured`() async throws {
        let mix = LoadMix()
        let calls = try LoadCalls("127.0.0.1:1", token: nil, mix: mix, timeout: .seconds(1))
        defer { calls.close() }
        let test = LoadTest(
            plan: LoadPlan(
                mix: mix, arrivals: .closed(clients: 1), duration: .seconds(1), seed: 1),
            calls: calls, thresholds: try LoadThresholds.parse([]), serverName: "nobody",
            isShared: false)
        await #expect(throws: ClientError.self) { try await test.run() }
    }

    @Test func `who interrupts a run ends it at once`() async throws {
        let task = Task { try await Self.run(arguments: ["--duration", "3600"]) }
        try await Task.sleep(for: .milliseconds(500))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
