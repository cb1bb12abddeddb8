import Glibc

/// One noise level, as the variance-preserving samplers see it: latents = alpha * picture + sigma *
/// noise, with alpha^2 + sigma^2 = 1.
struct NoiseLevel {
    let alpha: Double
    let sigma: Double
    /// Half the logarithm of the signal-to-noise ratio; infinite without noise.
    let lambda: Double

    /// - Parameter ratio: a schedule's sigma, that is sigma / alpha.
    init(ratio: Double) {
        alpha = 1 / (ratio * ratio + 1).squareRoot()
        sigma = ratio * alpha
        lambda = log(alpha) - log(sigma)
    }
}

extension Schedule {
    /// Sigma at the start of a step; at stepCount, where the last step arrives.
    func sigma(_ step: Int) -> Double { Double(sigmas[step]) }

    /// The same as a variance-preserving level.
    func level(_ step: Int) -> NoiseLevel { NoiseLevel(ratio: sigma(step)) }
}
