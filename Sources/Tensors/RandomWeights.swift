internal import CKernels
internal import Glibc

/// Random float16 weights of a normal distribution, the same for the same seed wherever they are
/// cut: for models that are made up.
public struct RandomWeights: Sendable {
    private let seed: UInt64
    /// The middles of 256 equally likely pieces of the distribution, as float16.
    private let table: [UInt16]

    /// - Parameter deviation: the standard deviation.
    public init(seed: UInt64, deviation: Float) {
        self.seed = seed
        table = Self.standardQuantiles.map { Float16(deviation * $0).bitPattern }
    }

    /// Writes elements `first..<first + out.count` of the stream.
    public func fill(_ out: UnsafeMutableBufferPointer<UInt16>, first: Int) {
        guard let start = out.baseAddress else { return }
        refinery_fill_random(start, table, seed, first, out.count)
    }

    private static let standardQuantiles: [Float] = {
        let quantiles = (0..<256).map { standardQuantile((Double($0) + 0.5) / 256) }
        // The middles vary a little less than the pieces do.
        let variance = quantiles.reduce(0) { $0 + $1 * $1 } / 256
        return quantiles.map { Float($0 / variance.squareRoot()) }
    }()

    /// Where the standard normal distribution function is `probability`, by bisection.
    private static func standardQuantile(_ probability: Double) -> Double {
        var (low, high) = (-8.0, 8.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if erfc(-middle / 2.0.squareRoot()) / 2 < probability {
                low = middle
            } else {
                high = middle
            }
        }
        return (low + high) / 2
    }
}
