internal import Generation
internal import Tensors
internal import Tokenization

/// What one expert is told: the prompt's encoding and the sizes, kept for the whole job.
final class PromptEncoding {
    private let context: OwnedActivation
    private let pooled: OwnedActivation
    private let timeIDs: [[Float]]
    let guidanceScale: Float
    /// 0...1: see `Denoiser`.
    let guidanceRescale: Float

    init(
        context: OwnedActivation, pooled: OwnedActivation, timeIDs: [[Float]],
        guidanceScale: Float, guidanceRescale: Float
    ) {
        self.context = context
        self.pooled = pooled
        self.timeIDs = timeIDs
        self.guidanceScale = guidanceScale
        self.guidanceRescale = guidanceRescale
    }

    /// [negative, positive], or the positive alone without guidance.
    var conditioning: UNet.Conditioning {
        UNet.Conditioning(context: context.view, pooled: pooled.view, timeIDs: timeIDs)
    }

    /// 2 with guidance, else 1.
    var images: Int { timeIDs.count }
}

/// One image's prompts and sizes for one expert, as the text encoders and the UNet take them.
struct ExpertPrompt: Equatable {
    var positive: String
    /// Nil: zeros for the base, the encoded empty text for the refiner.
    var negative: String?
    /// For the base's second encoder.
    var positive2: String
    var negative2: String?
    var timeIDs: [Float]
    var negativeTimeIDs: [Float]
    var guidanceScale: Double
    var guidanceRescale = 0.0
    /// Text encoder layers left out beyond SDXL's own choice. As in diffusers, for the positive texts
    /// alone.
    var clipSkip = 0
}

extension ExpertPrompt {
    /// Order and fallbacks of the size conditioning: DESIGN of the handoff, and diffusers'
    /// `_get_add_time_ids` of the base pipeline.
    init(base job: GenerationJob) {
        positive = job.positivePrompt
        negative = job.negativePrompt
        positive2 = job.positivePrompt2 ?? positive
        negative2 = job.negativePrompt2 ?? negative
        timeIDs =
            Self.ids(job.originalSize ?? job.size) + Self.ids(job.cropTopLeft)
            + Self.ids(job.targetSize ?? job.size)
        // The base takes the negative sizes only when both are given.
        if let original = job.negativeOriginalSize, let target = job.negativeTargetSize {
            negativeTimeIDs =
                Self.ids(original) + Self.ids(job.negativeCropTopLeft) + Self.ids(target)
        } else {
            negativeTimeIDs = timeIDs
        }
        guidanceScale = job.cfgScale
        guidanceRescale = job.guidanceRescale
        clipSkip = job.clipSkip
    }

    /// As diffusers' image-to-image pipeline with `requires_aesthetics_score`.
    init(refiner: GenerationJob.Refiner, of job: GenerationJob) {
        positive = refiner.positivePrompt
        negative = refiner.negativePrompt
        positive2 = positive
        negative2 = negative
        let original = job.originalSize ?? job.size
        timeIDs =
            Self.ids(original) + Self.ids(job.cropTopLeft) + [Float(refiner.aestheticScore)]
        negativeTimeIDs =
            Self.ids(job.negativeOriginalSize ?? original) + Self.ids(job.negativeCropTopLeft)
            + [Float(refiner.negativeAestheticScore)]
        guidanceScale = refiner.cfgScale
        guidanceRescale = job.guidanceRescale
        clipSkip = job.clipSkip
    }

    private static func ids(_ size: ImageSize) -> [Float] {
        [Float(size.height), Float(size.width)]
    }

    private static func ids(_ point: ImagePoint) -> [Float] {
        [Float(point.top), Float(point.left)]
    }
}

extension Expert {
    /// Runs the text encoders.
    func encode(
        _ prompt: ExpertPrompt, _ compute: Compute, trace: TraceRecorder?
    ) -> PromptEncoding {
        let guided = prompt.guidanceScale > 1
        let isBase = clipL != nil
        // Texts to encode: the negative ones first.
        let zeroNegative = guided && isBase && prompt.negative == nil
        let negatives = guided && !zeroNegative
        let first = (negatives ? [prompt.negative ?? ""] : []) + [prompt.positive]
        let second = (negatives ? [prompt.negative2 ?? ""] : []) + [prompt.positive2]
        let skips = (negatives ? [0] : []) + [prompt.clipSkip]
        let tokenizer = CLIPTokenizer.shared
        let tokens1 = first.map { tokenizer.encode($0, padding: .endOfText) }
        let tokens2 = second.map { tokenizer.encode($0, padding: .zero) }
        trace?.tokens(isBase ? tokens1 : nil, tokens2, hasNegative: negatives, isBase: isBase)
        return compute.scoped {
            let (states2, pooled2) = openCLIP.encode(tokens2, skippedLayers: skips, compute)
            var states = states2
            if let clipL {
                let (states1, _) = clipL.encode(tokens1, skippedLayers: skips, compute)
                states = compute.concatenate(states1, states2)
            }
            guard var pooled = pooled2 else {
                preconditionFailure("OpenCLIP encoders are loaded with their pooled output")
            }
            if zeroNegative {
                states = compute.prependZeros(states)
                pooled = compute.prependZeros(pooled)
            }
            let ids = guided ? [prompt.negativeTimeIDs, prompt.timeIDs] : [prompt.timeIDs]
            trace?.conditioning(
                states: states, pooled: pooled, timeIDs: ids, isBase: isBase)
            return PromptEncoding(
                context: OwnedActivation(copying: states), pooled: OwnedActivation(copying: pooled),
                timeIDs: ids, guidanceScale: Float(prompt.guidanceScale),
                guidanceRescale: Float(prompt.guidanceRescale))
        }
    }
}

extension Compute {
    /// A new activation with one more image, of zeros, before the others.
    fileprivate func prependZeros(_ input: Activation) -> Activation {
        let out = activation(
            images: input.images + 1, height: input.height, width: input.width,
            channels: input.channels)
        out.data.update(repeating: 0, count: input.tokens * input.channels)
        out.image(1).update(from: input.data, count: input.count)
        return out
    }
}
