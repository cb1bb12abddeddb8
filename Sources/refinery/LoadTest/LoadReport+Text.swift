extension LoadReport {
    /// Tables for a terminal.
    func text(usesColours: Bool) -> String {
        let parts: [String?] = [
            heading.split(separator: "\n").map { Wording.printable(String($0)) + "\n" }.joined(),
            sumsText, latencyTable.text(usesColours: usesColours),
            estimateTable?.text(usesColours: usesColours), failureText,
            verdictTable.text(usesColours: usesColours),
        ]
        return parts.compactMap { $0 }.joined(separator: "\n")
    }

    private var sumsText: String {
        let parts = sums.dropFirst().map { "\($0.count) \($0.name)" }
        return "\(record.started) started = \(parts.joined(separator: " + "))\n"
            + "\(Wording.fixed(record.rate, 2)) pictures a second, the last answer after "
            + "\(Wording.duration(record.seconds))\n"
    }

    private var latencyTable: TextTable {
        var table = TextTable(alignments: [.left] + Array(repeating: .right, count: 8))
        table.rows.append(["", "count", "mean"])
        table.rows[0] += Self.quantiles.map { TextTable.Cell($0.name) }
        table.rows[0].append("max")
        for latency in latencies {
            let histogram = latency.histogram
            var row = [
                TextTable.Cell(latency.name), TextTable.Cell("\(histogram.count)"),
                Self.cell(histogram.mean),
            ]
            row += Self.quantiles.map { Self.cell(histogram.seconds(at: $0.value)) }
            row.append(Self.cell(histogram.maximum))
            table.rows.append(row)
        }
        return table
    }

    /// Nil where the server made no estimates.
    private var estimateTable: TextTable? {
        let bins = record.estimates.named
        guard !bins.isEmpty else { return nil }
        var table = TextTable(alignments: [.left] + Array(repeating: .right, count: 7))
        table.rows.append([
            "ETA off while", "count", "mean", "p50", "p90", "bias", "p50, of what is left", "p90",
        ])
        for (name, bin) in bins {
            var row = [TextTable.Cell(name)] + Self.cells(bin.errors)
            row.append(.init(bin.bias.map(Self.signed) ?? ""))
            row += [0.5, 0.9].map { .init(bin.relative.seconds(at: $0).map(Self.percent) ?? "") }
            table.rows.append(row)
        }
        for (name, distances) in record.estimates.moves {
            table.rows.append([TextTable.Cell("moved at \(name)")] + Self.cells(distances))
        }
        return table
    }

    private static func cells(_ times: LatencyHistogram) -> [TextTable.Cell] {
        [
            .init("\(times.count)"), cell(times.mean), cell(times.seconds(at: 0.5)),
            cell(times.seconds(at: 0.9)),
        ]
    }

    private var failureText: String? {
        guard !failures.isEmpty else { return nil }
        return failures.prefix(10).map { failure, count in
            "\(count) x \(Wording.printable(failure.code)): \(Wording.printable(failure.message))\n"
        }.joined()
    }

    private var verdictTable: TextTable {
        var table = TextTable()
        table.rows = verdicts.map {
            [
                $0.isMet
                    ? TextTable.Cell("met", colour: "32") : TextTable.Cell("NOT MET", colour: "31"),
                .init(Wording.printable($0.text)),
            ]
        }
        return table
    }

    private static func cell(_ seconds: Double?) -> TextTable.Cell {
        .init(seconds.map(Wording.duration) ?? "")
    }
}
