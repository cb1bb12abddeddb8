internal import Generation
internal import Tensors
internal import Tokenization

/// What one expert is told: the prompt's encoding and the sizes, kept for the whole job.
final class PromptEncoding {
    /// [images, 77, width]: the text encoders' states.
    let context: OwnedActivation
    let pooled: OwnedActivation
    private let timeIDs: [[Float]]
    let guidanceScale: Float
    /// 0...1: see `Denoiser`.
    let guidanceRescale: Float
    /// What each block of each transformer attends to: about 50 MB for an image of SDXL's base.
    private var prompt: [[(keys: OwnedActivation, values: OwnedActivation)]] = []
    private var prepared: UNet.Conditioning?

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

    /// Computes what is the same at every step of `unet`.
    func prepare(for unet: UNet, _ compute: Compute) {
        compute.scoped {
            prompt = unet.keysAndValues(of: context.view, compute).map { blocks in
                blocks.map {
                    (OwnedActivation(copying: $0.keys), OwnedActivation(copying: $0.values))
                }
            }
        }
        prepared = UNet.Conditioning(
            prompt: prompt.map { blocks in
                blocks.map { KeysAndValues(keys: $0.keys.view, values: $0.values.view) }
            }, pooled: pooled.view, timeIDs: timeIDs)
    }

    /// [negative, positive], or the positive alone without guidance.
    ///
    /// - Precondition: it was prepared for the UNet.
    var conditioning: UNet.Conditioning {
        guard let prepared else {
            preconditionFailure("prompts are prepared before the first step")
        }
        return prepared
    }

    /// 2 with guidance, else 1.
    var images: Int { timeIDs.count }
}

/// One image's prompts and sizes for one expert, as the text encoders and the UNet take them.
struct ExpertPrompt {
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
    /// Nil: prompts are taken as they stand, and cut to one chunk.
    var weighting: PromptSyntax?
    var learned = LearnedVocabulary()
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
        weighting = job.promptWeighting.map(PromptSyntax.init)
    }

    /// As diffusers' image-to-image pipeline with `requires_aesthetics_score`.
    ///
    /// - Parameter refiner: nil when the job's own model is a refiner.
    init(refiner: GenerationJob.Refiner?, of job: GenerationJob) {
        positive = refiner?.positivePrompt ?? job.positivePrompt
        negative = refiner.map { $0.negativePrompt } ?? job.negativePrompt
        positive2 = positive
        negative2 = negative
        let original = job.originalSize ?? job.size
        timeIDs =
            Self.ids(original) + Self.ids(job.cropTopLeft)
            + [Float(refiner?.aestheticScore ?? Parameter.Default.aestheticScore)]
        negativeTimeIDs =
            Self.ids(job.negativeOriginalSize ?? original) + Self.ids(job.negativeCropTopLeft)
            + [Float(refiner?.negativeAestheticScore ?? Parameter.Default.negativeAestheticScore)]
        guidanceScale = refiner?.cfgScale ?? job.cfgScale
        guidanceRescale = job.guidanceRescale
        clipSkip = job.clipSkip
        weighting = job.promptWeighting.map(PromptSyntax.init)
    }

    func with(_ learned: LearnedVocabulary) -> ExpertPrompt {
        var prompt = self
        prompt.learned = learned
        return prompt
    }

    private static func ids(_ size: ImageSize) -> [Float] {
        [Float(size.height), Float(size.width)]
    }

    private static func ids(_ point: ImagePoint) -> [Float] {
        [Float(point.top), Float(point.left)]
    }
}

extension PromptSyntax {
    init(_ weighting: GenerationJob.PromptWeighting) {
        self =
            switch weighting {
            case .compel: .compel
            case .sdEmbeds: .sdEmbeds
            }
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
        var texts1 = first.map { prompt.chunks(of: $0, padding: .endOfText) }
        var texts2 = second.map { prompt.chunks(of: $0, padding: .zero) }
        let count = ((isBase ? texts1 : []) + texts2).map(\.count).max() ?? 1
        prompt.pad(&texts1, to: count, padding: .endOfText)
        prompt.pad(&texts2, to: count, padding: .zero)
        trace?.tokens(isBase ? texts1 : nil, texts2, hasNegative: negatives, isBase: isBase)
        return compute.scoped {
            let (states2, pooled2) = encode(
                texts2, with: openCLIP, padding: .zero, prompt, compute)
            var states = states2
            if let clipL {
                let (states1, _) = encode(
                    texts1, with: clipL, padding: .endOfText, prompt, compute)
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

    /// Runs one of the encoders.
    ///
    /// - Returns: `states` [texts, 77 * chunks, width], weighted; `pooled` [texts, pooled width], each
    ///   text's first chunk's, which weights do not reach.
    private func encode(
        _ texts: [[PromptChunk]], with encoder: TextEncoder, padding: CLIPTokenizer.Padding,
        _ prompt: ExpertPrompt, _ compute: Compute
    ) -> (states: Activation, pooled: Activation?) {
        let chunkCount = texts[0].count
        // The last text is the positive one.
        let skips = texts.indices.map { $0 == texts.count - 1 ? prompt.clipSkip : 0 }
        let (states, pooled) = encoder.encode(
            texts.joined().map(\.tokens),
            skippedLayers: skips.flatMap { Array(repeating: $0, count: chunkCount) },
            learned: prompt.learned, compute)
        if let syntax = prompt.weighting {
            for (index, chunks) in texts.enumerated() {
                encoder.weigh(
                    states.images(index * chunkCount..<(index + 1) * chunkCount), of: chunks,
                    by: PromptWeightRule(syntax, isBase: clipL != nil),
                    empty: prompt.emptyChunk(padding), skippedLayers: skips[index],
                    learned: prompt.learned, compute)
            }
        }
        let joined = Activation(
            data: states.data, images: texts.count, height: 1, width: chunkCount * states.tokens,
            channels: states.channels)
        return (joined, pooled.map { compute.everyImage(chunkCount, of: $0) })
    }
}

extension ExpertPrompt {
    /// A text as an encoder takes it: cut to one chunk, or with weighting in as many as it fills.
    fileprivate func chunks(of text: String, padding: CLIPTokenizer.Padding) -> [PromptChunk] {
        let tokenizer = CLIPTokenizer.shared
        guard let weighting else {
            return [
                PromptChunk(
                    unweighted: tokenizer.encode(text, padding: padding, learned: learned.words))
            ]
        }
        guard let fragments = try? weighting.parse(text) else {
            preconditionFailure("the plan has read the weights of every prompt")
        }
        return tokenizer.chunks(
            of: fragments, padding: padding, filler: filler, learned: learned.words)
    }

    fileprivate func emptyChunk(_ padding: CLIPTokenizer.Padding) -> PromptChunk {
        CLIPTokenizer.shared.chunks(of: [], padding: padding, filler: filler)[0]
    }

    fileprivate func pad(
        _ texts: inout [[PromptChunk]], to count: Int, padding: CLIPTokenizer.Padding
    ) {
        for index in texts.indices {
            let missing = max(0, count - texts[index].count)
            texts[index] += Array(repeating: emptyChunk(padding), count: missing)
        }
    }

    /// sd_embed fills both encoders' chunks with the end token.
    private var filler: Int32? { weighting == .sdEmbeds ? CLIPTokenizer.endOfText : nil }
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

    /// A new activation of every `stride`th image, or the same where that is all.
    fileprivate func everyImage(_ stride: Int, of input: Activation) -> Activation {
        guard stride > 1 else { return input }
        let out = activation(
            images: input.images / stride, height: input.height, width: input.width,
            channels: input.channels)
        for index in 0..<out.images {
            out.image(index).update(
                from: input.image(index * stride), count: input.tokens * input.channels)
        }
        return out
    }
}
