import Glibc

/// One noise level, as the variance-preserving samplers see it: latents = alpha * picture + sigma *
/// noise, with alpha^2 + sigma^2 = 1. All in float32, as in diffusers.
struct NoiseLevel {
    let alpha: Float
    let sigma: Float
    /// Half the logarithm of the signal-to-noise ratio; infinite without noise.
    let lambda: Float

    /// - Parameter ratio: a schedule's sigma, that is sigma / alpha.
    init(ratio: Float) {
        alpha = 1 / (ratio * ratio + 1).squareRoot()
        sigma = ratio * alpha
        lambda = logf(alpha) - logf(sigma)
    }
}

extension Schedule {
    /// The level at the start of a step; at stepCount, where the last step arrives.
    func level(_ step: Int) -> NoiseLevel { NoiseLevel(ratio: sigmas[step]) }
}
