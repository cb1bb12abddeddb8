import Glibc

/// The Beta(0.6, 0.6) distribution, whose quantiles lay out the sigmas of ``Spacing/beta``.
enum BetaDistribution {
    private static let shape = 0.6

    /// The x in 0...1 below which a share `p` of the distribution lies, by bisection.
    static func quantile(_ p: Double) -> Double {
        guard p > 0 else { return 0 }
        guard p < 1 else { return 1 }
        // The distribution is symmetric, and bisection is precise near 0.
        guard p <= 0.5 else { return 1 - quantile(1 - p) }
        var (low, high) = (0.0, 0.5)
        while true {
            let middle = (low + high) / 2
            guard middle > low, middle < high else { return middle }
            if share(below: middle) < p { low = middle } else { high = middle }
        }
    }

    /// The regularised incomplete beta function I_x(a, a) for x <= 1/2, from its power series
    /// (DLMF 8.17.7 with 15.8.1): x^a (1-x)^a / (a B(a, a)) * sum of (2a)_n / (a + 1)_n x^n.
    private static func share(below x: Double) -> Double {
        let a = shape
        var (term, sum, n) = (1.0, 1.0, 0.0)
        while term > sum * 1e-17 {
            term *= (2 * a + n) / (a + 1 + n) * x
            sum += term
            n += 1
        }
        let logBeta = 2 * lgamma(a) - lgamma(2 * a)
        return exp(a * log(x) + a * log1p(-x) - logBeta) / a * sum
    }
}
