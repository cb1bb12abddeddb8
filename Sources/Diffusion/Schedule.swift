/// The timesteps and sigmas of one whole generation. Both experts share it, so that the refiner goes
/// on exactly where the base stops.
public struct Schedule: Equatable, Sendable {
    public let spacing: Spacing
    /// What the latents of this schedule's samplers are scaled by.
    public let convention: LatentsConvention
    /// One per step, falling. Whole numbers except for linspace and the spacings over sigmas.
    public let timesteps: [Double]
    /// One per step, falling, and the level that the last step arrives at (zero for most).
    public let sigmas: [Float]
    /// What unit noise is multiplied by to become the first latents.
    public let initialNoiseSigma: Float

    public var stepCount: Int { timesteps.count }

    /// Step counts that any spacing can lay out.
    public static let stepCounts = 1...999

    /// How a sampler's latents hold picture and noise.
    public enum LatentsConvention: Sendable {
        /// picture + sigma * noise; the model wants them divided by sqrt(sigma^2 + 1).
        case varianceExploding
        /// sqrt(a) * picture + sqrt(1 - a) * noise; the model takes them as they are.
        case variancePreserving
    }

    /// What latents at `sigma` are multiplied by for the model.
    public func inputScale(at sigma: Double) -> Double {
        switch convention {
        case .varianceExploding: 1 / (sigma * sigma + 1).squareRoot()
        case .variancePreserving: 1
        }
    }

    init(
        spacing: Spacing, convention: LatentsConvention, timesteps: [Double], sigmas: [Float],
        initialNoiseSigma: Float
    ) {
        precondition(sigmas.count == timesteps.count + 1)
        self.spacing = spacing
        self.convention = convention
        self.timesteps = timesteps
        self.sigmas = sigmas
        self.initialNoiseSigma = initialNoiseSigma
    }
}
