internal import Diffusion
public import Generation
internal import Tokenization

// What a job asks of the machine, by its models' shapes.
extension SDXLGenerator {
    /// A step of more operations fills the threads by itself.
    ///
    /// Between two threads' 1.7e11, of which two at once, on a thread each, made a fifth more pictures than one
    /// after the other, and their 7e11, of which they did not (Benchmarks/README.md); for more threads in proportion.
    public static func smallStepOperations(threads: Int) -> Double { 1.5e11 * Double(threads) }

    public func needs(_ job: GenerationJob, plan: GenerationPlan) -> JobNeeds {
        // One ending at a time; the base's state at a handoff is small beside them.
        guard plan.branches.isEmpty else {
            func ending(_ index: Int) -> JobNeeds {
                needs(
                    job.separate(branch: plan.branches[index].index),
                    plan: plan.separate(ofImage: index))
            }
            return plan.branches.indices.dropFirst().reduce(into: ending(0)) {
                $0.rise(to: ending($1))
            }
        }
        // Models that are gone by now end the job when it begins.
        guard let first = try? expert(job.model, field: "model") else {
            return JobNeeds(job, plan)
        }
        let second =
            (plan.refinerModel.flatMap { try? expert($0, field: "refiner.model") }) ?? first
        return JobNeeds(
            operations: operations(job, plan, first, second),
            workByteCount: workByteCount(job, plan, first, second),
            keptByteCount: keptByteCount(job, plan, first, second))
    }

    private func operations(
        _ job: GenerationJob, _ plan: GenerationPlan, _ first: Expert, _ second: Expert
    ) -> JobNeeds.Operations {
        let grid = plan.latents
        let tokens = Self.tokenCount(job)
        func step(_ expert: Expert, _ phase: Phase) -> Double {
            Double(job.passes(of: phase) * expert.unet.operationCount(grid, contextTokens: tokens))
        }
        func texts(_ expert: Expert, _ phase: Phase) -> Double {
            let encoders = expert.openCLIP.operationCount + (expert.clipL?.operationCount ?? 0)
            return Double(job.passes(of: phase) * tokens / CLIPTokenizer.length * encoders)
        }
        return JobNeeds.Operations(
            textEncoding: texts(first, .base)
                + (plan.refinerModel == nil ? 0 : texts(second, .refiner)),
            imageEncoding: Double(first.encoder?.operationCount(plan.pixels) ?? 0),
            baseStep: step(first, .base), refinerStep: step(second, .refiner),
            decoding: Double(first.decoder?.operationCount(grid) ?? 0))
    }

    private func workByteCount(
        _ job: GenerationJob, _ plan: GenerationPlan, _ first: Expert, _ second: Expert
    ) -> Int {
        let grid = plan.latents
        let threads = threadCount
        func step(_ expert: Expert, _ phase: Phase) -> Int {
            expert.unet.memoryByteCount(grid, images: job.passes(of: phase), threads: threads)
        }
        var parts = [
            step(first, .base), first.decoder?.memoryByteCount(grid, threads: threads) ?? 0,
        ]
        if plan.refinerSteps > 0 { parts.append(step(second, .refiner)) }
        if job.previews != nil {
            parts.append(
                first.decoder?.memoryByteCount(FittedColours.grid, threads: threads) ?? 0)
        }
        if job.imageInput != nil {
            parts.append(first.encoder?.memoryByteCount(plan.pixels, threads: threads) ?? 0)
        }
        // The texts are encoded into the arena before they are kept; the picture's pixels and file.
        parts.append(keptByteCount(job, plan, first, second))
        return (parts.max() ?? 0) + 12 * plan.pixels.tokens
    }

    private func keptByteCount(
        _ job: GenerationJob, _ plan: GenerationPlan, _ first: Expert, _ second: Expert
    ) -> Int {
        let tokens = Self.tokenCount(job)
        func prompt(_ expert: Expert, _ phase: Phase) -> Int {
            expert.unet.promptByteCount(images: job.passes(of: phase), tokens: tokens)
        }
        // Latents, a prediction, the sampler's history, what an input picture adds, and what is foreseen.
        let latents =
            (job.previews == nil ? 12 : 14) * Denoiser.channels * plan.latents.tokens
            * MemoryLayout<Float>.stride
        return prompt(first, .base) + (plan.refinerModel == nil ? 0 : prompt(second, .refiner))
            + latents
    }

    /// Of the longest prompt, as far as its characters tell: with weights a prompt takes as many chunks as
    /// it fills, and a token is seldom shorter than 3 characters.
    private static func tokenCount(_ job: GenerationJob) -> Int {
        guard job.promptWeighting != nil else { return CLIPTokenizer.length }
        let characters =
            [job.positivePrompt, job.negativePrompt ?? ""].map(\.count).max() ?? 0
        return min(10, 1 + characters / 225) * CLIPTokenizer.length
    }
}

extension GenerationPlan {
    fileprivate var latents: FeatureGrid {
        FeatureGrid(height: size.height / 8, width: size.width / 8)
    }

    fileprivate var pixels: FeatureGrid {
        FeatureGrid(height: size.height, width: size.width)
    }
}
