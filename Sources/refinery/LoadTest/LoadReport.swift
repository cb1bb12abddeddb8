import Generation

/// What `refinery loadtest` found.
struct LoadReport: Sendable {
    var plan: LoadPlan
    /// The server's address, or that it was this process's own.
    var server: String
    var serverVersion: String
    var lanes: Int
    var threads: Int
    var record: LoadRecord
    /// Nil where others use the server too.
    var ledger: LoadLedger?
    var verdicts: [LoadThresholds.Verdict]

    var isMet: Bool { verdicts.allSatisfy(\.isMet) }

    /// Those that are told.
    static let quantiles: [(name: String, value: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
    ]

    /// What was timed, in the order in which a caller sees it.
    var latencies: [Latency] {
        [
            Latency(name: "accepted", key: "accepted", histogram: record.accepted),
            Latency(name: "first progress", key: "firstProgress", histogram: record.firstProgress),
            Latency(name: "image", key: "image", histogram: record.image),
            Latency(name: "image, slow reader", key: "slowImage", histogram: record.slowImage),
            Latency(name: "a base step", key: "baseStep", histogram: record.baseStep),
            Latency(name: "a refiner step", key: "refinerStep", histogram: record.refinerStep),
            Latency(name: "this tool's delay", key: "lateness", histogram: record.lateness),
        ].filter { $0.histogram.count > 0 }
    }

    struct Latency {
        var name: String
        /// In JSON.
        var key: String
        var histogram: LatencyHistogram
    }

    /// Each sum, in the order of the equation that they are in.
    var sums: [(name: String, count: Int)] {
        [
            ("started", record.started), ("finished", record.finished),
            ("failed", record.failed), ("refused", record.refused),
            ("cancelled", record.cancelled), ("cut", record.cut),
        ]
    }

    /// What was done, in a sentence.
    var heading: String {
        let mix = plan.mix
        let arrivals =
            switch plan.arrivals {
            case .open(let rate):
                "open loop, \(Wording.fixed(rate, 2)) requests a second (Poisson)"
            case .closed(let clients): "closed loop, \(clients) client\(clients == 1 ? "" : "s")"
            }
        return
            "\(arrivals), \(Wording.fixed(plan.duration / .seconds(1), 0)) s, seed \(plan.seed); "
            + "\(server), version \(serverVersion), \(lanes) lane\(lanes == 1 ? "" : "s"), \(threads) "
            + "thread\(threads == 1 ? "" : "s")\n"
            + "sizes \(mix.sizes.isEmpty ? "the model's" : list(mix.sizes.map(text))), steps "
            + "\(list(mix.steps.map(String.init))), handoffs "
            + "\(list(mix.handoffs.map { $0.map { "\($0) %" } ?? "none" })), "
            + "\(Self.percent(mix.cancelShare)) cancelled, \(Self.percent(mix.cutShare)) cut, "
            + "\(Self.percent(mix.slowShare)) slow readers"
    }

    private func list(_ items: [String]) -> String { items.joined(separator: " ") }
    private func text(_ size: ImageSize) -> String { "\(size.width)x\(size.height)" }

    static func percent(_ share: Double) -> String { "\(Wording.fixed(100 * share, 0)) %" }

    static func signed(_ seconds: Double) -> String {
        (seconds < 0 ? "-" : "+") + Wording.duration(abs(seconds))
    }

    /// The most frequent first.
    var failures: [(failure: LoadSample.Failure, count: Int)] {
        record.failures.values.map { (failure: $0.first, count: $0.count) }
            .sorted { ($1.count, $0.failure.code) < ($0.count, $1.failure.code) }
    }
}
