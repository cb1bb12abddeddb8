import ArgumentParser

/// What a run must keep to, for the exit code.
struct LoadThresholds: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Half of the callers get there within: accepted=, progress= or image= and a time such as 50ms or "
                + "2s; may be repeated.", valueName: "what=time"))
    var maxP50: [LatencyLimit] = []

    @Option(help: ArgumentHelp("Likewise 90 %.", valueName: "what=time"))
    var maxP90: [LatencyLimit] = []

    @Option(help: ArgumentHelp("Likewise 99 %.", valueName: "what=time"))
    var maxP99: [LatencyLimit] = []

    @Option(
        help: "Requests that may fail; those that were refused, as by a full queue, do not count.")
    var maxErrors = 0

    @Option(help: "Requests that may be refused; any number unless given.")
    var maxRefused: Int?

    @Option(help: ArgumentHelp("Pictures a second, at least.", valueName: "per second"))
    var minRate: Double?

    func validate() throws {
        for (name, value) in [("--max-errors", maxErrors), ("--max-refused", maxRefused ?? 0)]
        where value < 0 {
            throw ValidationError("\(name) is \(value): give 0 or more.")
        }
    }
}

/// A moment of a request, and the time within which it must come.
struct LatencyLimit: ExpressibleByArgument, Equatable {
    enum Moment: String, CaseIterable {
        case accepted
        case progress
        case image
    }

    var moment: Moment
    var seconds: Double

    init?(argument: String) {
        let parts = argument.split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let moment = Moment(rawValue: String(parts[0])) else { return nil }
        let units: [(suffix: String, seconds: Double)] = [("ms", 1e-3), ("s", 1)]
        guard let unit = units.first(where: { parts[1].hasSuffix($0.suffix) }),
            let number = Double(parts[1].dropLast(unit.suffix.count)), number > 0,
            number.isFinite
        else { return nil }
        self.moment = moment
        seconds = number * unit.seconds
    }
}

extension LoadRecord {
    func latency(_ moment: LatencyLimit.Moment) -> LatencyHistogram {
        switch moment {
        case .accepted: accepted
        case .progress: firstProgress
        case .image: image
        }
    }
}

extension LoadThresholds {
    /// One condition, and how it came out.
    struct Verdict: Equatable, Sendable {
        /// As in `p99 of image: 1.20 s, at most 2.00 s`.
        var text: String
        var isMet: Bool
    }

    /// Also of what no flag allows: pictures that differ, sums that do not close.
    ///
    /// - Parameter ledger: nil where others use the server too.
    func verdicts(_ record: LoadRecord, _ ledger: LoadLedger?) -> [Verdict] {
        var verdicts: [Verdict] = []
        for (name, quantile, limits) in [
            ("p50", 0.5, maxP50), ("p90", 0.9, maxP90), ("p99", 0.99, maxP99),
        ] {
            for limit in limits {
                let time = record.latency(limit.moment).seconds(at: quantile)
                verdicts.append(
                    Verdict(
                        text: "\(name) of \(limit.moment.rawValue): "
                            + "\(time.map(Wording.duration) ?? "none came"), at most "
                            + Wording.duration(limit.seconds),
                        // What never came was not in time.
                        isMet: time.map { $0 <= limit.seconds } ?? false))
            }
        }
        verdicts.append(
            Verdict(
                text: "failed: \(record.failed), at most \(maxErrors)",
                isMet: record.failed <= maxErrors))
        if let maxRefused {
            verdicts.append(
                Verdict(
                    text: "refused: \(record.refused), at most \(maxRefused)",
                    isMet: record.refused <= maxRefused))
        }
        if let minRate {
            verdicts.append(
                Verdict(
                    text: "pictures a second: \(Wording.fixed(record.rate, 2)), at least "
                        + Wording.fixed(minRate, 2), isMet: record.rate >= minRate))
        }
        verdicts.append(
            Verdict(
                text:
                    "kinds of request with more than one picture: \(record.unlikeKinds.count), none "
                    + "allowed (\(record.repeatedKindCount) asked for again)",
                isMet: record.unlikeKinds.isEmpty))
        verdicts.append(
            Verdict(text: "every request has one end", isMet: record.sumsClose))
        if let ledger {
            let broken = ledger.checks.filter { !$0.holds }.map {
                "\($0.name): \($0.ours) here, \($0.servers) there"
            }
            verdicts.append(
                Verdict(
                    text: broken.isEmpty
                        ? "the server has counted the same"
                        : "the server has counted otherwise, \(broken.joined(separator: "; ")): does "
                            + "anybody else use it? Then say --shared",
                    isMet: ledger.holds))
        }
        return verdicts
    }
}
