import FoundationEssentials
import Generation
import SDXL
import Tensors
import Testing

@testable import refinery

struct BenchReportTests {
    static let report: BenchReport = {
        func row(
            _ part: Workbench.Part, _ images: Int, _ operations: Int, _ milliseconds: [Int]
        ) -> BenchReport.Row {
            BenchReport.Row(
                part: part, size: ImageSize(height: 512, width: 768), images: images,
                operationCount: operations,
                measurement: WorkbenchMeasurement(
                    first: .milliseconds(milliseconds[0]),
                    later: milliseconds.dropFirst().map { .milliseconds($0) },
                    anonymousByteCount: 219_000_000, growthByteCount: images == 2 ? 4096 : 0,
                    arenaByteCount: 212_000_000, othersShare: 0.01))
        }
        var report = BenchReport(
            base: "base", refiner: "refiner", threads: 2, blasCore: "SkylakeX", kernels: "AVX-512")
        report.ceilings = [300, 310, 320]
        report.rows = [
            row(.text, 1, 110_000_000_000, [900, 800]),
            row(.base, 2, 3_178_000_000_000, [15_000, 12_000, 11_000, 13_000]),
        ]
        return report
    }()

    @Test func `the table tells times, operations and the share of the ceiling`() {
        #expect(
            Self.report.text(usesColours: false) == """
                base + refiner, 2 threads, OpenBLAS SkylakeX, kernels AVX-512

                part     size  images   first  median     min     max    FLOP  GFLOPS    memory  \
                of the ceiling
                text                1  900 ms  800 ms  800 ms  800 ms   110 G     138  219.0 MB  \
                ████░░░░░░ 44 %
                base  768x512       2  15.0 s  12.0 s  11.0 s  13.0 s  3.18 T     265  219.0 MB  \
                █████████░ 85 %

                ceiling: 310 GFLOPS, sgemm on all threads, median of 3 before each run (300 to 320)
                FLOP: products, plain 3x3 convolutions and attention; what Winograd saves counts
                memory: anonymous, beyond the mapped files, each part by itself; later runs took up \
                to 4.1 kB more

                """)
    }

    @Test func `a machine that others used is told of`() {
        var report = Self.report
        #expect(!report.text(usesColours: false).contains("caution"))
        report.rows[0].measurement.othersShare = 0.62
        #expect(report.text(usesColours: false).contains("other processes took up to 62 %"))
    }

    @Test func `colours are for terminals`() {
        #expect(!Self.report.text(usesColours: false).contains("\u{1B}"))
        #expect(Self.report.text(usesColours: true).contains("\u{1B}[32m█████████░ 85 %\u{1B}[0m"))
    }

    @Test func `the JSON has the same numbers`() throws {
        struct Document: Decodable {
            struct Part: Decodable {
                var part: String
                var width: Int
                var images: Int
                var firstSeconds: Double
                var medianSeconds: Double
                var seconds: [Double]
                var operations: Int
                var gigaflops: Double
                var ceilingShare: Double
                var anonymousBytes: Int
                var growthBytes: Int
                var othersShare: Double
            }
            var base: String
            var threads: Int
            var ceilingGFLOPS: Double
            var ceilings: [Double]
            var parts: [Part]
        }
        let document = try JSONDecoder().decode(
            Document.self, from: Data(Self.report.json.text.utf8))
        #expect(document.base == "base" && document.threads == 2)
        #expect(document.ceilingGFLOPS == 310 && document.ceilings == [300, 310, 320])
        let part = try #require(document.parts.last)
        #expect(part.part == "base" && part.width == 768 && part.images == 2)
        #expect(part.firstSeconds == 15 && part.medianSeconds == 12)
        #expect(part.seconds == [12, 11, 13])
        #expect(part.operations == 3_178_000_000_000)
        #expect(abs(part.gigaflops - 264.83) < 0.01)
        #expect(abs(part.ceilingShare - 0.8543) < 0.0001)
        #expect(part.anonymousBytes == 219_000_000 && part.growthBytes == 4096)
        #expect(part.othersShare == 0.01)
    }

    @Test func `a profile's shares are of one whole, each with the rate that suits it`() throws {
        let bench = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID)
        let run = try bench.prepare(
            .base, size: ImageSize(height: 64, width: 64), images: 2, threads: 2)
        let profile = run.profile()
        let report = ProfileReport(
            profile, ceilings: .init(gigaflops: 100, copyGigabytes: 10))

        #expect(report.seconds == profile.time / .seconds(1))
        for lines in [report.kinds, report.layers] {
            #expect(abs(lines.reduce(0) { $0 + $1.share } - 1) < 1e-9)
            #expect(lines.map(\.seconds) == lines.map(\.seconds).sorted(by: >))
            #expect(lines.allSatisfy { $0.seconds <= $0.wholeSeconds })
        }
        let products = try #require(report.kinds.first { $0.name == "products" })
        let norms = try #require(report.kinds.first { $0.name == "norms" })
        let rest = try #require(report.kinds.first { $0.name == "rest" })
        guard case .gigaflops(let rate) = products.rate, case .gigabytes(let speed) = norms.rate
        else {
            Issue.record("\(products), \(norms)")
            return
        }
        #expect(products.ceilingShare == rate / 100)
        #expect(norms.ceilingShare == speed / 10)
        #expect(rest.rate == nil && rest.ceilingShare == nil)
        let text = report.text(usesColours: false)
        #expect(text.contains("between the layers") && text.contains("more"))
    }

    @Test func `a run measures what was asked for, and says what it is at`() throws {
        let bench = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID)
        let size = ImageSize(height: 64, width: 64)
        var told: [String] = []
        let report = try BenchRun(
            bench: bench,
            items: [
                .init(part: .text, size: size, images: 1),
                .init(part: .refiner, size: size, images: 2),
            ], threads: 2, laterRuns: 2, profiles: true
        ).report { told.append($0) }
        #expect(told == ["text 64x64 ...", "refiner 64x64 ...", ""])
        #expect(report.rows.map(\.part) == [.text, .refiner])
        #expect(report.rows.map(\.images) == [1, 2])
        // One before each run.
        #expect(report.ceilings.count == 6)
        for row in report.rows {
            #expect(row.seconds.count == 2 && row.seconds.allSatisfy { $0 > 0 })
            #expect(row.operationCount > 0 && row.profile != nil)
            #expect(row.measurement.anonymousByteCount > row.measurement.arenaByteCount / 2)
        }
    }
}
