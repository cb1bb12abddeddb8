/// Counts times by size, in the layout of HdrHistogram (Tene): 1024 buckets of one width between a power of
/// two and the next, so that a bucket is at most 1/1024 of its values wide. Unit: the microsecond.
///
/// Our own, since Debian 12 has no package of the C library.
struct LatencyHistogram: Equatable, Sendable {
    /// What a quantile may be above the value that was recorded, in parts of it.
    static let relativeError = 1.0 / 1024

    private static let halfCountLog2 = 10
    private static let halfCount = 1 << halfCountLog2

    /// As long as the longest time needs.
    private var counts: [Int] = []
    private(set) var count = 0
    /// In seconds, of what was recorded and not of its bucket.
    private(set) var sum = 0.0
    private(set) var minimum: Double?
    private(set) var maximum: Double?

    var mean: Double? { count == 0 ? nil : sum / Double(count) }

    /// Negative times, and what is no number, count as 0; none is longer than a thousand years.
    mutating func record(seconds: Double) {
        let seconds = seconds.isNaN ? 0 : min(max(seconds, 0), 3e10)
        let index = Self.index(of: Int((seconds * 1e6).rounded()))
        if index >= counts.count {
            counts += Array(repeating: 0, count: index + 1 - counts.count)
        }
        counts[index] += 1
        count += 1
        sum += seconds
        minimum = min(minimum ?? seconds, seconds)
        maximum = max(maximum ?? seconds, seconds)
    }

    /// The time, in seconds, within which that share of all were: of the bucket's values the largest, as
    /// HdrHistogram has it. Nil when there are none.
    ///
    /// - Parameter quantile: 0...1.
    func seconds(at quantile: Double) -> Double? {
        guard let minimum, let maximum else { return nil }
        // Less a hair: 0.07 * 100 is a little more than 7.
        let rank = max(1, Int((quantile * Double(count) - 1e-9).rounded(.up)))
        var seen = 0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= rank {
                return max(minimum, min(maximum, Double(Self.highest(at: index)) / 1e6))
            }
        }
        return maximum
    }

    /// Microseconds below 2048 have each their own; from there on each doubling has 1024.
    private static func index(of microseconds: Int) -> Int {
        let shift = max(0, Int.bitWidth - microseconds.leadingZeroBitCount - (halfCountLog2 + 1))
        return shift * halfCount + (microseconds >> shift)
    }

    /// The largest number of microseconds that an index has.
    private static func highest(at index: Int) -> Int {
        let shift = max(0, index / halfCount - 1)
        return ((index - shift * halfCount + 1) << shift) - 1
    }
}
