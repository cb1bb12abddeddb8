import ArgumentParser
import FoundationEssentials
import Generation
import Testing

@testable import refinery

@Suite struct LoadReportTests {
    static func thresholds(_ arguments: String...) throws -> LoadThresholds {
        try LoadThresholds.parse(arguments)
    }

    static func report(_ arguments: String...) throws -> LoadReport {
        var record = LoadRecord()
        for number in 0..<100 {
            var sample = LoadRecordTests.sample(
                .finished(sha256: [7]), time: 0.01 * Double(number + 1), start: 0.1 * Double(number)
            )
            sample.estimates = [
                LoadRecordTests.estimate(nil, time: 0, eta: 1),
                LoadRecordTests.estimate(.base, 0.25, time: 0, eta: 2),
                LoadRecordTests.estimate(.refiner, 0.75, time: 0, eta: 0.5),
            ]
            (sample.baseSteps, sample.refinerSteps) = ([0.02, 0.04], [0.01])
            sample.firstProgressTime = 0.002 * Double(number + 1)
            record.started += 1
            record.add(sample)
        }
        record.started += 1
        record.add(
            LoadRecordTests.sample(
                .failed(.init(code: "oh<no>", message: "It broke & <b>burnt</b>.\u{1B}[31m"))))
        let ledger = LoadLedger(
            record, before: LoadRecordTests.before,
            after: LoadRecordTests.stats(
                accepted: 101, finished: 100, failed: 1, cancelled: 0, refused: 0))
        return LoadReport(
            plan: LoadPlanTests.plan(.open(rate: 10)), server: "127.0.0.1:1", serverVersion: "1",
            lanes: 1, threads: 2, record: record, ledger: ledger,
            verdicts: try LoadThresholds.parse(arguments).verdicts(record, ledger))
    }

    // MARK: Thresholds

    @Test(arguments: [
        ("image=2s", LatencyLimit.Moment.image, 2.0), ("accepted=50ms", .accepted, 0.05),
        ("progress=1.5s", .progress, 1.5),
    ])
    func `a limit is a moment and a time`(
        text: String, moment: LatencyLimit.Moment, seconds: Double
    ) throws {
        let limit = try #require(LatencyLimit(argument: text))
        #expect(limit.moment == moment && abs(limit.seconds - seconds) < 1e-12)
    }

    @Test(arguments: [
        ["--max-errors", "1"], ["--max-errors", "1", "--max-p99", "image=0.991s"],
        ["--max-errors", "1", "--max-p50", "image=501ms", "--max-p90", "progress=181ms"],
        ["--max-errors", "1", "--min-rate", "9", "--max-refused", "0"],
    ])
    func `conditions that are met`(arguments: [String]) throws {
        let report = try Self.report()
        let verdicts = try LoadThresholds.parse(arguments).verdicts(report.record, report.ledger)
        #expect(verdicts.filter { !$0.isMet } == [])
        #expect(verdicts.count > arguments.count / 2)
    }

    @Test(arguments: [
        ([] as [String], "failed: 1, at most 0"),
        (
            ["--max-errors", "1", "--max-p99", "image=989ms"],
            "p99 of image: 990 ms, at most 989 ms"
        ),
        (
            ["--max-errors", "1", "--max-p50", "progress=99ms"],
            "p50 of progress: 100 ms, at most 99.0 ms"
        ),
        (
            ["--max-errors", "1", "--min-rate", "20"],
            "pictures a second: 9.17, at least 20.00"
        ),
    ])
    func `a condition that is not met is told with its numbers`(
        arguments: [String], text: String
    ) throws {
        let report = try Self.report()
        let verdicts = try LoadThresholds.parse(arguments).verdicts(report.record, report.ledger)
        #expect(verdicts.filter { !$0.isMet }.map(\.text) == [text])
    }

    @Test func `what never came was not in time`() throws {
        let verdicts = try Self.thresholds("--max-p99", "image=9s").verdicts(LoadRecord(), nil)
        let missed = verdicts.filter { !$0.isMet }.map(\.text)
        #expect(missed == ["p99 of image: none came, at most 9.00 s"])
    }

    @Test func `pictures that differ and sums that do not close are never met`() throws {
        var record = LoadRecord()
        record.started = 3
        for digest in [1, 2] as [UInt8] {
            record.add(LoadRecordTests.sample(.finished(sha256: [digest])))
        }
        let ledger = LoadLedger(
            record, before: LoadRecordTests.before, after: LoadRecordTests.before)
        let verdicts = try Self.thresholds().verdicts(record, ledger)
        #expect(verdicts.filter { !$0.isMet }.count == 3)
        #expect(verdicts.last?.text.contains("accepted: 2 here, 0 there") == true)
    }

    // MARK: Renderings

    @Test func `the text has sums, times, estimates, errors and verdicts`() throws {
        let text = try Self.report().text(usesColours: false)
        for line in [
            "open loop, 10.00 requests a second (Poisson), 1000 s, seed 1; 127.0.0.1:1, version 1, 1 lane",
            "101 started = 100 finished + 1 failed + 0 refused + 0 cancelled + 0 cut",
            "p99.9",
            "1 x oh<no>: It broke & <b>burnt</b>.\\u{1B}[31m",
            "NOT MET  failed: 1, at most 0", "met      the server has counted the same",
        ] {
            #expect(text.contains(line), "\(line)\nin\n\(text)")
        }
        for name in [
            "image", "a base step", "a refiner step", "queued", "base", "refiner",
            "moved at handoff",
        ] {
            #expect(text.split(separator: "\n").contains { $0.hasPrefix(name) }, "\(name)")
        }
        #expect(!text.contains("\u{1B}"))
        #expect(try Self.report().text(usesColours: true).contains("\u{1B}[31mNOT MET"))
    }

    @Test func `the JSON has the same numbers`() throws {
        struct Document: Decodable {
            struct Latency: Decodable {
                var count: Int
                var p50: Double
                var p99: Double
                var max: Double
            }
            struct Check: Decodable {
                var name: String
                var ours: Int
                var holds: Bool
            }
            struct Estimate: Decodable {
                var at: String
                var bias: Double
                var error: Latency
                var relativeError: Latency
            }
            struct Tenth: Decodable {
                var at: String
                var bias: Double?
            }
            var met: Bool
            var sums: [String: Int]
            var sumsClose: Bool
            var serverSums: [Check]
            var latencies: [String: Latency]
            var etaErrors: [Estimate]
            var etaErrorsByTenth: [Tenth]
            var etaMoved: [String: Latency]
            var failures: [[String: JSONScalar]]
            var picturesPerSecond: Double
        }
        let report = try Self.report()
        let document = try JSONDecoder().decode(Document.self, from: Data(report.json.text.utf8))
        #expect(!document.met && document.sumsClose)
        #expect(document.sums["started"] == 101 && document.sums["finished"] == 100)
        #expect(document.serverSums.allSatisfy { $0.holds })
        #expect(document.latencies["image"]?.count == 100)
        #expect(document.latencies["image"]?.max == 1)
        #expect(abs((document.latencies["image"]?.p99 ?? 0) - 0.99) < 0.001)
        #expect(document.latencies["baseStep"]?.count == 200)
        #expect(document.etaErrors.map(\.at) == ["queued", "base", "refiner"])
        // Estimates of 1 second, of jobs that took 0.01 to 1.
        #expect(abs((document.etaErrors.first?.bias ?? 0) - 0.495) < 1e-9)
        // Half a second foreseen, a hundredth left.
        #expect(abs((document.etaErrors.last?.relativeError.max ?? 0) - 49) < 1e-9)
        #expect(document.etaErrorsByTenth.map(\.at).last == "90 %")
        #expect(document.etaErrorsByTenth.count { $0.bias != nil } == 2)
        #expect(document.etaMoved["handoff"]?.max == 1.5)
        #expect(document.failures.count == 1)
    }

    /// A text or a number.
    enum JSONScalar: Decodable {
        case text(String)
        case number(Double)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .number(try container.decode(Double.self))
            }
        }
    }

    @Test func `the page stands by itself, and foreign text cannot leave its place`() throws {
        let page = try Self.report().html
        #expect(page.matches(of: #/<svg /#).count == 3 && page.matches(of: #/</svg>/#).count == 3)
        for stranger in [
            "<script", "http", "src=", "url(", "<b>", "oh<no>", "\u{1B}", "nan", "inf",
        ] {
            #expect(!page.contains(stranger), "\(stranger)")
        }
        #expect(page.contains("oh&lt;no&gt;") && page.contains("It broke &amp; &lt;b&gt;burnt"))
        #expect(page.contains("<title>refinery loadtest: not met</title>"))
        // Each opening tag has its end.
        for tag in ["table", "tr", "td", "th", "ul", "li", "text", "svg", "p", "h1", "h2"] {
            let opened = try page.matches(of: Regex("<\(tag)[ >]")).count
            #expect(opened == page.matches(of: try Regex("</\(tag)>")).count, "\(tag)")
        }
    }

    @Test func `a report of nothing is one, too`() throws {
        var report = try Self.report()
        (report.record, report.ledger, report.verdicts) = (LoadRecord(), nil, [])
        #expect(report.text(usesColours: false).contains("0 started = 0 finished"))
        #expect(report.html.contains("</html>") && !report.html.contains("nan"))
        #expect(report.json.text.contains("\"latencies\":{}"))
    }

    @Test(arguments: [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]), (7, [0, 2, 4, 6, 8]),
        (30, [0, 10, 20, 30]), (0, [0, 1]), (.infinity, [0, 1]),
    ])
    func `an axis is divided into round steps`(maximum: Double, steps: [Double]) {
        let found = LinePlot.roundSteps(upTo: maximum)
        #expect(found.count == steps.count)
        #expect(zip(found, steps).allSatisfy { abs($0 - $1) < 1e-9 }, "\(found)")
    }
}
