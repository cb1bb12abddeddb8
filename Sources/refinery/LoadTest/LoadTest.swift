import Wire

/// A whole load test: warms up, runs, waits until the server has settled, and holds the sums against its.
struct LoadTest: Sendable {
    let plan: LoadPlan
    let calls: LoadCalls
    let thresholds: LoadThresholds
    /// For the report.
    let serverName: String
    /// Others use the server too: its counts say nothing.
    let isShared: Bool
    /// Is told how it stands, now and then.
    var progress: @Sendable (String) -> Void = { _ in }

    private static let progressInterval = Duration.milliseconds(500)
    /// Of connections that were cut the server learns by and by, and a step is done before their jobs end.
    private static let settlingTime = Duration.seconds(30)

    /// - Throws: `ClientError` and `GenerationError` before the run, when the server cannot be reached or
    ///   does not do what is asked at all; `CancellationError`.
    func run() async throws -> LoadReport {
        let info = try await calls.info()
        progress("warming up ...")
        for request in plan.mix.warmUp { try await calls.warmUp(request) }
        try Task.checkCancellation()
        let before = try await calls.stats()

        let recorder = LoadRecorder()
        let shown = Task { try await show(recorder) }
        defer { shown.cancel() }
        try await LoadRunner(plan: plan, calls: calls, recorder: recorder).run()
        let record = await recorder.record

        var ledger: LoadLedger?
        if !isShared {
            ledger = LoadLedger(record, before: before, after: try await settled(like: before))
        }
        shown.cancel()
        _ = await shown.result
        progress("")
        return LoadReport(
            plan: plan, server: serverName, serverVersion: info.version, lanes: info.lanes,
            threads: info.threadsPerLane, record: record, ledger: ledger,
            verdicts: thresholds.verdicts(record, ledger))
    }

    /// The server's counts, once no job of ours is under way there, or when it has had its time.
    private func settled(like before: ServerStats) async throws -> ServerStats {
        let end = ContinuousClock.now + Self.settlingTime
        while true {
            let stats = try await calls.stats()
            if stats.queued + stats.running <= before.queued + before.running || .now > end {
                return stats
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func show(_ recorder: LoadRecorder) async throws {
        let begin = ContinuousClock.now
        while true {
            try await Task.sleep(for: Self.progressInterval)
            let record = await recorder.record
            let time = Wording.fixed((ContinuousClock.now - begin) / .seconds(1), 0)
            progress(
                "\(time) s of \(Wording.fixed(plan.duration / .seconds(1), 0)): \(record.started) "
                    + "started, \(record.finished) finished, \(record.failed) failed, "
                    + "\(record.refused) refused")
        }
    }
}
