/// Counts values by size: so many up to each bound, and what they add up to.
public struct Histogram: Equatable, Sendable {
    /// Upper bounds, each inclusive, in rising order.
    public let bounds: [Double]
    /// Of the values up to each bound and above the one before; the last is of those above all bounds.
    private var counts: [UInt64]
    public private(set) var sum = 0.0

    /// - Parameter bounds: rising, at least one.
    public init(bounds: [Double]) {
        precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<))
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    public mutating func record(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// Of all values.
    public var count: UInt64 { counts.reduce(0, +) }

    /// How many values are at most each bound; the last entry is ``count``.
    public var cumulativeCounts: [UInt64] {
        counts.reduce(into: []) { sums, count in sums.append((sums.last ?? 0) + count) }
    }
}
