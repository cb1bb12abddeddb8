import Glibc

extension LoadReport {
    /// A page that needs no other file, with plots.
    var html: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>refinery loadtest: \(isMet ? "met" : "not met")</title>
        <style>
        \(Self.style)
        </style></head><body>
        <h1>refinery loadtest: <span class="\(isMet ? "met" : "missed")">\
        \(isMet ? "met" : "not met")</span></h1>
        \(headingParagraphs)
        <ul>
        \(verdictItems)
        </ul>
        <p>\(sums.map { "\($0.count) \($0.name)" }.joined(separator: ", "));
        \(Wording.fixed(record.rate, 2)) pictures a second</p>
        \(latencyPlot.svg)
        \(timelinePlot.svg)
        \(estimatePlot?.svg ?? "")
        <h2>Times</h2>
        \(latencyTable)
        <p>Times begin when a request was meant to. A quantile is at most 1/1024 above what was measured.</p>
        \(estimateTable)
        \(ledgerTable)
        \(failureTable)
        </body></html>

        """
    }

    private var headingParagraphs: String {
        heading.split(separator: "\n").map { "<p>\(HTMLText.escaped(String($0)))</p>" }
            .joined(separator: "\n")
    }

    private var verdictItems: String {
        verdicts.map {
            "<li class=\"\($0.isMet ? "met" : "missed")\">\($0.isMet ? "met" : "not met"): "
                + "\(HTMLText.escaped($0.text))</li>"
        }.joined(separator: "\n")
    }

    // MARK: Plots

    /// Time over the share of callers, the slowest ones stretched.
    private var latencyPlot: LinePlot {
        // 50, 90, 99 and 99.9 % are a step apart.
        let shares = stride(from: 0.0, through: 4, by: 0.05).map { 1 - pow(10, -$0) }
        let shown = [
            ("accepted", record.accepted), ("first progress", record.firstProgress),
            ("image", record.image),
        ]
        let lines = shown.map { name, histogram in
            LinePlot.Line(
                name: name,
                points: shares.compactMap { share in
                    // No further than there are callers for.
                    guard (1 - share) * Double(histogram.count) >= 0.5 || share == 0
                    else { return nil }
                    return histogram.seconds(at: share).map { (x: -log10(1 - share), y: $0) }
                })
        }
        let end = lines.compactMap { $0.points.last?.x }.max() ?? 0
        let ticks: [LinePlot.Tick] = [
            .init(place: 0, text: "0 %"), .init(place: log10(2), text: "50 %"),
            .init(place: 1, text: "90 %"), .init(place: 2, text: "99 %"),
            .init(place: 3, text: "99.9 %"), .init(place: 4, text: "99.99 %"),
        ]
        return LinePlot(
            title: "Within what time, of how many", lines: lines,
            xTicks: ticks.filter { $0.place < max(end, 1) + 0.5 }, yText: Self.time)
    }

    private var timelinePlot: LinePlot {
        let seconds = record.timeline
        func points(_ count: KeyPath<LoadRecord.Second, Int>) -> [(x: Double, y: Double)] {
            seconds.enumerated().map {
                (x: Double($0.offset), y: Double($0.element[keyPath: count]))
            }
        }
        let step = LinePlot.roundSteps(upTo: Double(max(1, seconds.count - 1)))
        return LinePlot(
            title: "Each second",
            lines: [
                .init(name: "started", points: points(\.started)),
                .init(name: "finished", points: points(\.finished)),
                .init(name: "ended otherwise", points: points(\.ended)),
            ],
            xTicks: step.map { .init(place: $0, text: "\(Wording.fixed($0, 1)) s") },
            yText: { Wording.fixed($0, $0 < 10 && $0 != $0.rounded() ? 1 : 0) })
    }

    /// Nil where the server made no estimates.
    private var estimatePlot: LinePlot? {
        let bins = record.estimates.tenths.enumerated().filter { $0.element.errors.count > 0 }
        guard !bins.isEmpty else { return nil }
        func points(_ value: (LatencyHistogram) -> Double?) -> [(x: Double, y: Double)] {
            bins.compactMap { index, bin in
                value(bin.errors).map { (x: Double(index) * 10 + 5, y: $0) }
            }
        }
        return LinePlot(
            title: "How far the ETA was off, by the job's progress",
            lines: [
                .init(name: "mean", points: points(\.mean)),
                .init(name: "p90", points: points { $0.seconds(at: 0.9) }),
            ],
            xTicks: stride(from: 0.0, through: 100, by: 20).map {
                .init(place: $0, text: "\(Wording.fixed($0, 0)) %")
            }, yText: Self.time)
    }

    private static func time(_ seconds: Double) -> String {
        seconds == 0 ? "0" : Wording.duration(seconds)
    }

    // MARK: Tables

    private var latencyTable: String {
        Self.table(
            ["", "count", "mean"] + Self.quantiles.map(\.name) + ["max"],
            latencies.map { latency in
                let histogram = latency.histogram
                let quantiles = Self.quantiles.map { Self.cell(histogram.seconds(at: $0.value)) }
                return [latency.name, "\(histogram.count)", Self.cell(histogram.mean)] + quantiles
                    + [Self.cell(histogram.maximum)]
            })
    }

    private var estimateTable: String {
        let bins = record.estimates.named
        guard !bins.isEmpty else { return "" }
        let rows = bins.map { name, bin in
            [name] + Self.cells(bin.errors) + [bin.bias.map(Self.signed) ?? ""]
                + [0.5, 0.9].map { bin.relative.seconds(at: $0).map(Self.percent) ?? "" }
        }
        let moves = record.estimates.moves.map { name, distances in
            ["moved at \(name)"] + Self.cells(distances) + ["", "", ""]
        }
        return "<h2>ETA</h2>\n"
            + Self.table(
                [
                    "off while", "count", "mean", "p50", "p90", "bias", "p50, of what is left",
                    "p90",
                ], rows + moves)
    }

    private static func cells(_ times: LatencyHistogram) -> [String] {
        [
            "\(times.count)", cell(times.mean), cell(times.seconds(at: 0.5)),
            cell(times.seconds(at: 0.9)),
        ]
    }

    private var ledgerTable: String {
        guard let ledger else { return "" }
        return "<h2>Counts, here and at the server</h2>\n"
            + Self.table(
                ["", "here", "server", ""],
                ledger.checks.map {
                    [
                        $0.name, "\($0.ours)", "\($0.servers) (\($0.relation.rawValue))",
                        $0.holds ? "holds" : "does not hold",
                    ]
                })
    }

    private var failureTable: String {
        guard !failures.isEmpty else { return "" }
        return "<h2>Errors</h2>\n"
            + Self.table(
                ["code", "count", "message"],
                failures.prefix(20).map { [$0.code, "\($1)", $0.message] }, kind: "errors")
    }

    private static func table(
        _ head: [String], _ rows: [[String]], kind: String = "numbers"
    ) -> String {
        func row(_ tag: String, _ cells: [String]) -> String {
            "<tr>" + cells.map { "<\(tag)>\(HTMLText.escaped($0))</\(tag)>" }.joined() + "</tr>"
        }
        return "<table class=\"\(kind)\">\n"
            + ([row("th", head)] + rows.map { row("td", $0) }).joined(separator: "\n")
            + "\n</table>\n"
    }

    private static func cell(_ seconds: Double?) -> String {
        seconds.map(Wording.duration) ?? ""
    }

    private static let style = """
        :root { color-scheme: light dark; --grid: #8884; --line0: #2a78d6; --line1: #c8581a;
          --line2: #3c8c3c; }
        body { font: 16px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
        table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right; }
        td:first-child, th:first-child, .errors td:last-child { text-align: left; }
        tr + tr { border-top: 1px solid var(--grid); }
        .met { color: #3c8c3c; } .missed { color: #d43c3c; font-weight: bold; }
        svg { width: 100%; margin: 1rem 0; font-size: 12px; } svg text { fill: currentColor; }
        .title { font-weight: bold; font-size: 14px; } .y { text-anchor: end; } .x { text-anchor: middle; }
        .grid { stroke: var(--grid); } polyline { fill: none; stroke-width: 2; }
        .line0 { stroke: var(--line0); } .line1 { stroke: var(--line1); } .line2 { stroke: var(--line2); }
        svg .key0 { fill: var(--line0); } svg .key1 { fill: var(--line1); } svg .key2 { fill: var(--line2); }
        """
}
