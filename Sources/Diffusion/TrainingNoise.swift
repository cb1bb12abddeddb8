import Glibc

/// The noise levels SDXL was trained on, one per training timestep 0...999, and the way between
/// sigmas and timesteps.
///
/// Betas are "scaled linear": the square of an even ramp from sqrt(0.00085) to sqrt(0.012). Sigma is
/// the ratio of noise to picture, sqrt((1 - a) / a) with a the running product of 1 - beta. The
/// tables are worked out in float32, as diffusers does, so that its values come out.
public struct TrainingNoise: Sendable {
    public static let sdxl = TrainingNoise()

    public static let timestepCount = 1000

    /// The running product of 1 - beta, per timestep: the picture's share of the variance.
    public let alphasCumprod: [Double]
    /// Rising with the timestep, from 0.029 to 14.6.
    public let sigmas: [Double]
    private let logSigmas: [Double]

    private init() {
        let count = Self.timestepCount
        let first = Float(0.00085.squareRoot())
        let last = Float(0.012.squareRoot())
        // torch.linspace counts from the nearer end.
        let ramp = (last - first) / Float(count - 1)
        // torch.cumprod multiplies float32 factors in float64.
        var product = 1.0
        let shares = (0..<count).map { timestep in
            let root =
                timestep < count / 2
                ? first + ramp * Float(timestep)
                : last - ramp * Float(count - 1 - timestep)
            product *= Double(1 - root * root)
            return Float(product)
        }
        let ratios = shares.map { ((1 - $0) / $0).squareRoot() }
        alphasCumprod = shares.map(Double.init)
        sigmas = ratios.map(Double.init)
        logSigmas = ratios.map { Double(logf($0)) }
    }

    /// The sigma at a timestep that need not be whole: linear between its neighbours, and held to
    /// the ends of the table.
    public func sigma(at timestep: Double) -> Double {
        let position = min(max(timestep, 0), Double(sigmas.count - 1))
        let low = min(Int(position), sigmas.count - 2)
        return (sigmas[low + 1] - sigmas[low]) * (position - Double(low)) + sigmas[low]
    }

    /// The timestep of a sigma: linear in log sigma between its neighbours, held to 0...999.
    public func timestep(at sigma: Double) -> Double {
        let logSigma = log(max(sigma, 1e-10))
        let low = lastIndex(atOrBelow: logSigma)
        let span = logSigmas[low + 1] - logSigmas[low]
        let weight = min(max((logSigma - logSigmas[low]) / span, 0), 1)
        return (1 - weight) * Double(low) + weight * Double(low + 1)
    }

    /// The last timestep but 999 whose log sigma is at most `logSigma`, or 0.
    private func lastIndex(atOrBelow logSigma: Double) -> Int {
        var (low, high) = (0, logSigmas.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if logSigmas[middle] <= logSigma { low = middle } else { high = middle }
        }
        return low
    }
}
