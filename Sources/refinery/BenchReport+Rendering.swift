import Generation
import SDXL

extension BenchReport {
    /// A table, and below it what the numbers are.
    func text(usesColours: Bool) -> String {
        var table = TextTable(
            alignments: [.left, .right, .right] + Array(repeating: .right, count: 7) + [.left])
        table.rows.append([
            "part", "size", "images", "first", "median", "min", "max", "FLOP", "GFLOPS", "memory",
            "of the ceiling",
        ])
        for row in rows {
            let share = ceiling.map { row.gigaflops / $0 }
            table.rows.append([
                .init(row.part.rawValue),
                .init(row.part == .text ? "" : "\(row.size.width)x\(row.size.height)"),
                .init("\(row.images)"), .init(Wording.duration(row.firstSeconds)),
                .init(Wording.duration(row.medianSeconds)),
                .init(Wording.duration(row.seconds.min() ?? 0)),
                .init(Wording.duration(row.seconds.max() ?? 0)),
                .init(Wording.operations(row.operationCount)),
                .init(Wording.fixed(row.gigaflops, 0)),
                .init(Wording.bytes(row.measurement.anonymousByteCount)),
                share.map(Self.bar) ?? "",
            ])
        }
        let profiles = rows.compactMap { row in
            row.profile.map { "\n\(title(of: row))\n" + $0.text(usesColours: usesColours) }
        }
        return heading + "\n\n" + table.text(usesColours: usesColours) + "\n" + notes
            + profiles.joined()
    }

    private var heading: String {
        "\(Wording.printable(([base] + [refiner].compactMap { $0 }).joined(separator: " + "))), "
            + "\(threads) thread\(threads == 1 ? "" : "s"), OpenBLAS \(blasCore), kernels \(kernels)"
    }

    private func title(of row: Row) -> String {
        "\(row.part.rawValue) \(row.size.width)x\(row.size.height), \(row.images) "
            + "image\(row.images == 1 ? "" : "s"): where the time goes"
    }

    private var notes: String {
        guard let ceiling else { return "" }
        let growth = rows.map(\.measurement.growthByteCount).max() ?? 0
        return """
            ceiling: \(Wording.fixed(ceiling, 0)) GFLOPS, sgemm on all threads, median of \
            \(ceilings.count) before each run (\(Wording.fixed(ceilings.min() ?? 0, 0)) to \
            \(Wording.fixed(ceilings.max() ?? 0, 0)))
            FLOP: products, plain 3x3 convolutions and attention; what Winograd saves counts
            memory: anonymous, beyond the mapped files, each part by itself; later runs took \
            \(growth == 0 ? "no more" : "up to \(Wording.bytes(growth)) more")

            """ + caution
    }

    /// Empty where others left the machine alone.
    private var caution: String {
        let others = rows.map(\.measurement.othersShare).max() ?? 0
        guard others > Self.harmlessShare else { return "" }
        return """
            caution: other processes took up to \(Wording.fixed(100 * others, 0)) % of the machine \
            meanwhile; times say little

            """
    }

    /// What a quiet machine does by itself.
    private static let harmlessShare = 0.05

    /// Ten cells are the ceiling.
    static func bar(_ share: Double) -> TextTable.Cell {
        let cells = 10
        let filled = min(max(Int((share * Double(cells)).rounded()), 0), cells)
        let text =
            String(repeating: "█", count: filled) + String(repeating: "░", count: cells - filled)
            + " \(Wording.fixed(100 * share, 0)) %"
        return TextTable.Cell(text, colour: share >= 0.8 ? "32" : share >= 0.5 ? "33" : "31")
    }
}

extension BenchReport {
    /// One object.
    var json: JSONText {
        .object([
            "version": JSONText(Refinery.version), "base": JSONText(base),
            "refiner": refiner.map { JSONText($0) }, "threads": JSONText(threads),
            "blasCore": JSONText(blasCore), "kernels": JSONText(kernels),
            "ceilingGFLOPS": ceiling.map { JSONText($0) },
            "ceilings": .array(ceilings.map { JSONText($0) }),
            "parts": .array(rows.map(object)),
        ])
    }

    private func object(for row: Row) -> JSONText {
        .object([
            "part": JSONText(row.part.rawValue), "width": JSONText(row.size.width),
            "height": JSONText(row.size.height), "images": JSONText(row.images),
            "firstSeconds": JSONText(row.firstSeconds),
            "medianSeconds": JSONText(row.medianSeconds),
            "minSeconds": row.seconds.min().map { JSONText($0) },
            "maxSeconds": row.seconds.max().map { JSONText($0) },
            "seconds": .array(row.seconds.map { JSONText($0) }),
            "operations": JSONText(row.operationCount), "gigaflops": JSONText(row.gigaflops),
            "ceilingShare": ceiling.map { JSONText(row.gigaflops / $0) },
            "anonymousBytes": JSONText(row.measurement.anonymousByteCount),
            "arenaBytes": JSONText(row.measurement.arenaByteCount),
            "growthBytes": JSONText(row.measurement.growthByteCount),
            "othersShare": JSONText(row.measurement.othersShare),
            "profile": row.profile?.json,
        ])
    }
}
