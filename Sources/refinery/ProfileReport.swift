import Generation
import Tensors

/// Where the time of one run goes: by kind of work, and by layer.
struct ProfileReport {
    struct Line: Equatable {
        var name: String
        var calls: Int
        /// Without work that has a line of its own, so that all lines add up to the run.
        var seconds: Double
        /// With it, such as widening a layer's weights.
        var wholeSeconds: Double
        /// Of the whole run, without it.
        var share: Double
        /// With it.
        var rate: Rate?
        /// Of what the machine can do of this; nil where that is not known.
        var ceilingShare: Double?
    }

    /// How fast.
    enum Rate: Equatable {
        /// Billions of floating-point operations a second, what shortcuts save counted.
        case gigaflops(Double)
        /// Billions of bytes a second, read and written.
        case gigabytes(Double)
    }

    /// What the machine can do.
    struct Ceilings {
        var gigaflops: Double
        var copyGigabytes: Double
    }

    let seconds: Double
    /// The slowest first.
    let kinds: [Line]
    /// The slowest first.
    let layers: [Line]

    /// How many layers the text shows.
    private static let shownCount = 25

    init(_ profile: Profile, ceilings: Ceilings) {
        let total = profile.time / .seconds(1)
        let entries = profile.entries
        func line(_ name: String, _ entries: [Profile.Entry]) -> Line {
            func sum(_ value: (Profile.Entry) -> Double) -> Double {
                entries.reduce(0) { $0 + value($1) }
            }
            let whole = sum { $0.wholeTime / .seconds(1) }
            let operations = sum { Double($0.work.operations * $0.calls) }
            let bytes = sum { Double($0.work.byteCount * $0.calls) }
            var line = Line(
                name: name, calls: entries.reduce(0) { $0 + $1.calls },
                seconds: sum { $0.time / .seconds(1) }, wholeSeconds: whole, share: 0)
            line.share = line.seconds / total
            if operations > 0 {
                line.rate = .gigaflops(operations / whole / 1e9)
                line.ceilingShare = operations / whole / 1e9 / ceilings.gigaflops
            } else if bytes > 0 {
                line.rate = .gigabytes(bytes / whole / 1e9)
                line.ceilingShare = bytes / whole / 1e9 / ceilings.copyGigabytes
            }
            return line
        }
        seconds = total
        kinds = Dictionary(grouping: entries, by: \.work.kind)
            .map { line($0.rawValue, $1) }.sorted { $0.seconds > $1.seconds }
        layers = entries.map { line($0.work.name, [$0]) }.sorted { $0.seconds > $1.seconds }
    }

    func text(usesColours: Bool) -> String {
        var table = TextTable(alignments: [.left] + Array(repeating: .right, count: 6) + [.left])
        func add(_ title: String, _ lines: some Collection<Line>) {
            table.rows.append([
                .init(title), "calls", "time", "share", "with all inside", "rate", "",
                "of its ceiling",
            ])
            table.rows += lines.map(cells)
        }
        add("kind of work", kinds)
        table.rows.append([])
        add("layer", layers.prefix(Self.shownCount))
        let rest = layers.dropFirst(Self.shownCount)
        if !rest.isEmpty {
            let sum = rest.reduce(0) { $0 + $1.seconds }
            table.rows.append([
                .init("and \(rest.count) more"), .init("\(rest.reduce(0) { $0 + $1.calls })"),
                .init(Wording.duration(sum)), .init(Self.percent(sum / seconds)),
            ])
        }
        return table.text(usesColours: usesColours)
    }

    private func cells(_ line: Line) -> [TextTable.Cell] {
        let (rate, unit) =
            switch line.rate {
            case .gigaflops(let rate): (Wording.fixed(rate, 0), "GFLOPS")
            case .gigabytes(let rate): (Wording.fixed(rate, 1), "GB/s")
            case nil: ("", "")
            }
        return [
            .init(line.name), .init("\(line.calls)"), .init(Wording.duration(line.seconds)),
            .init(Self.percent(line.share)), .init(Wording.duration(line.wholeSeconds)),
            .init(rate), .init(unit),
            line.ceilingShare.map(BenchReport.bar) ?? "",
        ]
    }

    private static func percent(_ share: Double) -> String { Wording.fixed(100 * share, 1) + " %" }

    var json: JSONText {
        .object([
            "seconds": JSONText(seconds), "kinds": .array(kinds.map(Self.object)),
            "layers": .array(layers.map(Self.object)),
        ])
    }

    private static func object(for line: Line) -> JSONText {
        var gigaflops: Double?
        var gigabytes: Double?
        switch line.rate {
        case .gigaflops(let rate): gigaflops = rate
        case .gigabytes(let rate): gigabytes = rate
        case nil: break
        }
        return .object([
            "name": JSONText(line.name), "calls": JSONText(line.calls),
            "seconds": JSONText(line.seconds), "wholeSeconds": JSONText(line.wholeSeconds),
            "share": JSONText(line.share),
            "gigaflops": gigaflops.map { JSONText($0) },
            "gigabytesPerSecond": gigabytes.map { JSONText($0) },
            "ceilingShare": line.ceilingShare.map { JSONText($0) },
        ])
    }
}
