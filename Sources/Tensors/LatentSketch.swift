internal import CKernels

/// Latents as a small picture, by a guess at what a decoder makes of them: every latent is a pixel, whose
/// colour is an affine function of its channels.
public struct LatentSketch: Sendable {
    /// [4, height, width], without noise.
    public let latents: [Float]
    public let height: Int
    public let width: Int
    /// For each channel its share in red, green and blue, then three constants.
    public let colours: [Float]

    public static let channels = 4
    public static let colourCount = Int(refinery_latent_colour_count)

    public init(latents: [Float], height: Int, width: Int, colours: [Float]) {
        precondition(latents.count == Self.channels * height * width)
        precondition(colours.count == Self.colourCount)
        self.latents = latents
        self.height = height
        self.width = width
        self.colours = colours
    }

    /// 8-bit RGB, [height, width, 3].
    ///
    /// - Parameter side: pixels of the longer side; nil for one each latent.
    public func pixels(longestSide side: Int? = nil) -> (height: Int, width: Int, pixels: [UInt8]) {
        let small = [Float](unsafeUninitializedCapacity: 3 * height * width) { out, count in
            refinery_latent_colours(out.baseAddress, latents, height * width, colours)
            count = 3 * height * width
        }
        guard let side, side != max(height, width) else {
            return (height, width, Resampling.rounded(small))
        }
        let longest = max(height, width)
        let (newHeight, newWidth) = (
            max(1, (height * side + longest / 2) / longest),
            max(1, (width * side + longest / 2) / longest)
        )
        let resampled = Resampling.resampled(small, (height, width), to: (newHeight, newWidth))
        return (newHeight, newWidth, Resampling.rounded(resampled))
    }

    /// The clean latents in latents = picture * clean + noise * prediction, into `out`.
    ///
    /// - Precondition: all have as many values.
    public static func removeNoise(
        from latents: [Float], _ prediction: [Float], picture: Float, noise: Float,
        into out: inout [Float]
    ) {
        precondition(latents.count == out.count && prediction.count == out.count)
        refinery_denoised(&out, latents, prediction, out.count, picture, noise)
    }
}
