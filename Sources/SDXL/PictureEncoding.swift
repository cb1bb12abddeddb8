internal import Diffusion
internal import Generation
internal import Glibc
internal import Tensors

/// The seed picture as the denoiser takes it, kept for the whole job.
struct PictureEncoding {
    /// The VAE's normal distribution over latents, [4, height / 8, width / 8], not scaled.
    let mean: [Float]
    let deviation: [Float]
    let mask: LatentMask?

    /// Latents for one image, scaled: diffusers' `latent_dist.sample(generator)`.
    func sample(_ noise: inout any NoiseSource) -> [Float] {
        var latents = [Float](repeating: 0, count: mean.count)
        noise.fill(&latents)
        for index in latents.indices {
            latents[index] =
                VAEDecoder.scalingFactor * (mean[index] + deviation[index] * latents[index])
        }
        return latents
    }
}

/// Which latents are made anew, and which are the seed picture's in the end.
struct LatentMask: Equatable {
    /// [height / 8, width / 8]
    let isNew: [Bool]

    /// As diffusers prepares masks: PIL's gray, light from the middle on, and of each 8 x 8 pixels
    /// the upper left one.
    init(_ picture: Picture) {
        let (height, width) = (picture.size.height, picture.size.width)
        isNew = (0..<height / 8).flatMap { y in
            (0..<width / 8).map { x in
                let pixel = (y * 8 * width + x * 8) * 3
                let luma =
                    19595 * Int(picture.pixels[pixel]) + 38470 * Int(picture.pixels[pixel + 1])
                    + 7471 * Int(picture.pixels[pixel + 2])
                return (luma + 0x8000) >> 16 >= 128
            }
        }
    }
}

extension Expert {
    /// Runs the VAE's encoder.
    ///
    /// - Precondition: this expert's file has one.
    func encode(
        _ input: GenerationJob.ImageInput, _ compute: Compute, trace: TraceRecorder?
    ) -> PictureEncoding {
        guard let encoder else { preconditionFailure("the plan saw that there is an encoder") }
        let mask = input.maskImage.map { LatentMask($0) }
        return compute.scoped {
            let moments = encoder.encode(
                compute.activation(
                    ofPixels: input.seedImage.pixels, height: input.seedImage.size.height,
                    width: input.seedImage.size.width), compute)
            let tokens = moments.tokens
            let half = moments.channels / 2
            func plane(_ channel: Int, _ value: (Float) -> Float) -> [Float] {
                (0..<tokens).map { value(moments.data[$0 * moments.channels + channel]) }
            }
            let encoding = PictureEncoding(
                mean: (0..<half).flatMap { plane($0) { $0 } },
                deviation: (half..<2 * half).flatMap { channel in
                    // The bounds are diffusers'.
                    plane(channel) { exp(0.5 * min(max($0, -30), 20)) }
                },
                mask: mask)
            trace?.picture(encoding, height: moments.height, width: moments.width)
            return encoding
        }
    }
}
