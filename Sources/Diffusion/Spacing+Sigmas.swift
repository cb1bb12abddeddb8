import Glibc

extension Spacing {
    /// `count` falling sigmas, both ends included; only for the spacings over sigmas.
    func sigmas(from largest: Double, to smallest: Double, count: Int) -> [Double] {
        let ramp = (0..<count).map { count > 1 ? Double($0) / Double(count - 1) : 0 }
        switch self {
        case .leading, .trailing, .linspace:
            preconditionFailure("\(self) lays out timesteps")
        case .karras:
            let rho = 7.0
            let (start, end) = (pow(largest, 1 / rho), pow(smallest, 1 / rho))
            return ramp.map { pow(start + $0 * (end - start), rho) }
        case .exponential:
            let (start, end) = (log(largest), log(smallest))
            return ramp.map { exp(start + $0 * (end - start)) }
        case .beta:
            return ramp.map {
                smallest + BetaDistribution.quantile(1 - $0) * (largest - smallest)
            }
        }
    }
}
