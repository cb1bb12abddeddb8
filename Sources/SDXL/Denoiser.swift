internal import Diffusion
internal import Tensors

/// One image's latents on their way down the schedule, advanced step by step by its run.
///
/// Latents are [4, height, width] here, as samplers, noise and the reference have them; the networks
/// take them token-major.
final class Denoiser {
    private(set) var latents: [Float]
    private var sampler: any Sampler
    private var noise: any NoiseSource
    private var prediction: [Float]
    /// The latents without their noise, as the last evaluation sees them; nil where nobody looks.
    private var denoised: [Float]?
    /// An evaluation has filled `denoised`.
    private var isForeseen = false
    /// What is pasted back when inpainting.
    private let kept: Kept?
    let height: Int
    let width: Int

    static let channels = 4

    /// Latents that stay the seed picture's: this, with the noise of the level reached, replaces
    /// what the sampler made of them.
    private struct Kept {
        let original: [Float]
        let noise: [Float]
        let mask: LatentMask
    }

    /// - Parameters:
    ///   - firstStep: of the schedule, counted from 0; later ones are for a picture to start from.
    ///   - noise: the stream of this image's seed. Its first draw is the initial latents, or after
    ///     the sample of the picture's encoding the noise that is added to it.
    ///   - isWatched: whether ``foreseen()`` will be asked for.
    init(
        algorithm: SamplerAlgorithm, schedule: Schedule, eta: Double?, firstStep: Int,
        picture: PictureEncoding?, noise: any NoiseSource, height: Int, width: Int,
        isWatched: Bool = false, trace: TraceRecorder?
    ) {
        let count = Self.channels * height * width
        var noise = noise
        let original = picture?.sample(&noise)
        var latents = [Float](repeating: 0, count: count)
        noise.fill(&latents)
        trace?.noise(latents, height: height, width: width)
        var kept: Kept?
        if let original, let mask = picture?.mask {
            kept = Kept(original: original, noise: latents, mask: mask)
            // Diffusers' inpainting also samples the masked picture's encoding here, which a UNet
            // of 4 channels has no use for; the stream must go on behind it.
            var unused = latents
            noise.fill(&unused)
        }
        // At full strength image-to-image still starts from the picture, inpainting from noise.
        if let original, firstStep > 0 || kept == nil {
            let share = schedule.mixture(at: schedule.sigmas[firstStep])
            for index in latents.indices {
                latents[index] = share.picture * original[index] + share.noise * latents[index]
            }
        } else {
            for index in latents.indices {
                latents[index] *= schedule.initialNoiseSigma
            }
        }
        if let original {
            trace?.start(encoded: original, noised: latents, height: height, width: width)
        }
        self.latents = latents
        self.noise = noise
        self.kept = kept
        self.height = height
        self.width = width
        prediction = [Float](repeating: 0, count: count)
        denoised = isWatched ? prediction : nil
        sampler = algorithm.makeSampler(schedule: schedule, latentCount: count, eta: eta)
        if firstStep > 0 {
            sampler.begin(at: firstStep)
        }
    }

    /// Another that stands where this one does, and goes its own way from here.
    func fork() -> Denoiser { Denoiser(copying: self) }

    private init(copying other: Denoiser) {
        latents = other.latents
        sampler = other.sampler
        noise = other.noise
        prediction = other.prediction
        denoised = other.denoised
        isForeseen = other.isForeseen
        kept = other.kept
        height = other.height
        width = other.width
    }

    /// Forgets earlier predictions, as diffusers' second pipeline does at the handoff.
    func resetHistory() {
        sampler.reset()
    }

    /// Leaves out the steps up to `step`: the latents go there along the last prediction. Past the last
    /// step they are the picture as it is predicted now.
    ///
    /// - Precondition: a step has been run.
    func leap(to step: Int) {
        let schedule = sampler.schedule
        let here = schedule.mixture(at: schedule.sigmas[sampler.step])
        let there = schedule.mixture(at: schedule.sigmas[step])
        sampler.leap(to: step)
        for index in latents.indices {
            let picture = (latents[index] - here.noise * prediction[index]) / here.picture
            latents[index] = there.picture * picture + there.noise * prediction[index]
        }
        if let kept { paste(kept) }
    }

    /// Everything that a step changes, to be stored between steps.
    func write(to writer: inout StateWriter) {
        sampler.history.write(to: &writer)
        writer.write(latents)
        writer.write(prediction)
        noise.write(to: &writer)
    }

    /// Goes on from there; to be asked of a denoiser made alike.
    ///
    /// - Throws: when it is another denoiser's state, or none; this one is of no use then.
    func read(from reader: inout StateReader) throws(DamagedState) {
        try sampler.history.read(from: &reader, stepCount: sampler.schedule.stepCount)
        latents = try reader.readFloats(count: latents.count)
        prediction = try reader.readFloats(count: prediction.count)
        try noise.read(from: &reader)
    }

    /// Runs one whole step with `unet`.
    /// - Returns: how often it was evaluated.
    func step(
        _ unet: UNet, _ prompt: PromptEncoding, _ compute: Compute, trace: TraceRecorder?,
        isRefiner: Bool
    ) -> Int {
        var evaluations = 0
        repeat {
            guard let evaluation = sampler.evaluation else {
                preconditionFailure("the run asks for no step after the last")
            }
            evaluate(unet, evaluation, prompt, compute)
            trace?.prediction(prediction, height: height, width: width, isRefiner: isRefiner)
            foresee(evaluation)
            sampler.advance(&latents, prediction: prediction.span, noise: &noise)
            if let kept {
                paste(kept)
            }
            trace?.step(latents, height: height, width: width)
            evaluations += 1
        } while !sampler.isBetweenSteps
        return evaluations
    }

    private func foresee(_ evaluation: Evaluation) {
        guard var denoised else { return }
        // Or the array would be copied.
        self.denoised = nil
        let share = sampler.schedule.mixture(at: evaluation.sigma)
        LatentSketch.removeNoise(
            from: latents, prediction, picture: share.picture, noise: share.noise, into: &denoised)
        self.denoised = denoised
        isForeseen = true
    }

    /// The clean latents as the last evaluation predicts them, in an array of their own; nil before the
    /// first one.
    func foreseen() -> [Float]? {
        guard isForeseen, let denoised else { return nil }
        let tokens = height * width
        return [Float](unsafeUninitializedCapacity: denoised.count) { copy, count in
            _ = copy.initialize(fromContentsOf: denoised)
            count = denoised.count
            guard let kept else { return }
            for index in copy.indices where !kept.mask.isNew[index % tokens] {
                copy[index] = kept.original[index]
            }
        }
    }

    /// Latents outside the mask become the picture's again, with as much noise as the next evaluation
    /// expects, and with none after the last.
    private func paste(_ kept: Kept) {
        let share =
            sampler.evaluation.map { sampler.schedule.mixture(at: $0.sigma) }
            ?? (picture: 1, noise: 0)
        let tokens = height * width
        for index in latents.indices where !kept.mask.isNew[index % tokens] {
            latents[index] = share.picture * kept.original[index] + share.noise * kept.noise[index]
        }
    }

    /// The guided noise prediction, into `prediction`.
    private func evaluate(
        _ unet: UNet, _ evaluation: Evaluation, _ prompt: PromptEncoding, _ compute: Compute
    ) {
        compute.scoped {
            let images = prompt.images
            let sample = compute.activation(
                images: images, height: height, width: width, channels: Self.channels)
            let tokens = height * width
            for token in 0..<tokens {
                for channel in 0..<Self.channels {
                    let value = latents[channel * tokens + token] * evaluation.inputScale
                    for image in 0..<images {
                        sample.image(image)[token * Self.channels + channel] = value
                    }
                }
            }
            let predicted = unet.predictNoise(
                sample, timestep: Float(evaluation.timestep), prompt.conditioning, compute)
            let guided = images == 2
            let positive = predicted.image(images - 1)
            let negative = predicted.image(0)
            for token in 0..<tokens {
                for channel in 0..<Self.channels {
                    let from = token * Self.channels + channel
                    var value = positive[from]
                    if guided {
                        value = negative[from] + prompt.guidanceScale * (value - negative[from])
                    }
                    prediction[channel * tokens + token] = value
                }
            }
            if guided, prompt.guidanceRescale > 0 {
                rescale(
                    prompt.guidanceRescale,
                    unguided: UnsafeBufferPointer(start: positive, count: prediction.count))
            }
        }
    }

    /// Brings the guided prediction's contrast back, by `share`, to the unguided one's: diffusers'
    /// `rescale_noise_cfg`, after section 3.4 of "Common Diffusion Noise Schedules and Sample Steps
    /// are Flawed" (arXiv 2305.08891).
    private func rescale(_ share: Float, unguided: UnsafeBufferPointer<Float>) {
        let ratio = prediction.withUnsafeBufferPointer {
            Self.deviation(unguided) / Self.deviation($0)
        }
        let factor = share * Float(ratio) + (1 - share)
        for index in prediction.indices { prediction[index] *= factor }
    }

    /// The standard deviation of a sample.
    private static func deviation(_ values: UnsafeBufferPointer<Float>) -> Double {
        let count = Double(values.count)
        let mean = values.reduce(0) { $0 + Double($1) } / count
        let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (squares / (count - 1)).squareRoot()
    }
}
