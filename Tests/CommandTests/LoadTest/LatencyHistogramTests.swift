import Foundation
import Testing

@testable import refinery

@Suite struct LatencyHistogramTests {
    @Test func `a quantile is the exact one, at most the stated error above it`() throws {
        var draws = SplitMix64(seed: 5)
        // From a microsecond to a quarter of an hour, all sizes alike.
        let values = (0..<20_000).map { _ in
            pow(10, Double.random(in: -6...3, using: &draws))
        }
        var histogram = LatencyHistogram()
        for value in values { histogram.record(seconds: value) }
        let sorted = values.sorted()
        for quantile in [0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1] {
            let rank = max(1, Int((quantile * 20_000 - 1e-9).rounded(.up)))
            let (exact, found) = (
                sorted[rank - 1], try #require(histogram.seconds(at: quantile))
            )
            // Times are rounded to whole microseconds.
            #expect(found >= exact - 0.6e-6, "\(quantile)")
            #expect(
                found <= exact * (1 + LatencyHistogram.relativeError) + 0.6e-6, "\(quantile)")
        }
        #expect(histogram.seconds(at: 1) == sorted.last)
    }

    @Test(arguments: [1, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 1 << 20, (1 << 40) - 1])
    func `what lies at the edge of a bucket is in it`(microseconds: Int) throws {
        var histogram = LatencyHistogram()
        let value = Double(microseconds) / 1e6
        histogram.record(seconds: value)
        // Else the largest value alone would be told.
        histogram.record(seconds: 4 * value)
        let found = try #require(histogram.seconds(at: 0.5))
        #expect(found >= value && found <= value * (1 + LatencyHistogram.relativeError))
    }

    @Test func `count, mean and extremes are those of the values themselves`() {
        var histogram = LatencyHistogram()
        #expect(histogram.mean == nil && histogram.seconds(at: 0.5) == nil)
        for value in [0.25, 0.5, 3] { histogram.record(seconds: value) }
        #expect(histogram.count == 3 && histogram.mean == 1.25)
        #expect(histogram.minimum == 0.25 && histogram.maximum == 3)
        #expect((0.25...0.2503).contains(histogram.seconds(at: 0) ?? 0))
    }

    @Test func `what no clock says does no harm`() {
        var histogram = LatencyHistogram()
        histogram.record(seconds: -1)
        histogram.record(seconds: .nan)
        histogram.record(seconds: .infinity)
        #expect(histogram.count == 3 && histogram.minimum == 0 && histogram.maximum == 3e10)
    }
}
