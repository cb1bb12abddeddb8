internal import Generation
internal import PNGEncoding

/// What a picture's file says about how it was made.
enum PictureTexts {
    /// `parameters` in the form that other programs read, then the facts one by one.
    static func texts(
        _ job: GenerationJob, _ plan: GenerationPlan, _ image: DecodedImage
    ) -> [PNGText] {
        let seed = image.seed
        var texts: [PNGText] = []
        func add(_ keyword: String, _ text: String?) {
            if let text { texts.append(PNGText(keyword: keyword, text: text)) }
        }
        add("parameters", parameters(job, plan, seed: seed))
        // One that was cut short cannot be made again by asking for the same.
        if let steps = image.stepsBeforeCut {
            add("Cut short", "after step \(steps) of \(plan.baseSteps + plan.refinerSteps)")
        } else {
            add(PictureRecord.keyword, PictureRecord.json(job, plan, image).text)
        }
        add("Software", "Refinery")
        add("Prompt", job.positivePrompt)
        add("Negative prompt", job.negativePrompt)
        add("Prompt 2", job.positivePrompt2)
        add("Negative prompt 2", job.negativePrompt2)
        add("Model", plan.model)
        add("Seed", "\(seed)")
        add("Steps", "\(plan.baseSteps + plan.refinerSteps)")
        add("VAE", job.vae)
        add("Scheduler", plan.scheduler)
        add("Spacing", plan.spacing)
        add("CFG scale", plain(job.cfgScale))
        add("Clip skip", job.clipSkip == 0 ? nil : "\(job.clipSkip)")
        add("Prompt weighting", job.promptWeighting?.rawValue)
        for embedding in job.embeddings {
            add("Embedding", "\(embedding.model), weight \(plain(embedding.weight))")
        }
        add("Guidance rescale", job.guidanceRescale == 0 ? nil : plain(job.guidanceRescale))
        add("Eta", job.eta.map(plain))
        if let refiner = job.refiner, let handoff = plan.handoff {
            add("Refiner", plan.refinerModel)
            add("Base steps", "\(plan.baseSteps)")
            add("Refiner steps", "\(plan.refinerSteps)")
            add("Handoff step", "\(handoff.step)")
            add("Handoff percentage", plain(handoff.percentage))
            add("Handoff timestep", plain(handoff.timestep))
            add("Handoff sigma", plain(handoff.sigma))
            add("Handoff history", job.handoffHistory.rawValue)
            add("Refiner CFG scale", plain(refiner.cfgScale))
            add("Refiner prompt", refiner.positivePrompt)
            add("Refiner negative prompt", refiner.negativePrompt)
            add("Aesthetic score", plain(refiner.aestheticScore))
            add("Negative aesthetic score", plain(refiner.negativeAestheticScore))
        }
        if let input = job.imageInput {
            add("Denoising strength", plain(input.strength))
            add("Seed image", input.seedImageName)
            add("Mask image", input.maskImageName)
        }
        for lora in job.loras {
            add("LoRA", "\(lora.model), weight \(plain(lora.weight)), \(lora.applyTo)")
        }
        add("Advice", plan.advice.isEmpty ? nil : plan.advice.joined(separator: "\n"))
        return texts
    }

    /// The prompt, the negative prompt on a line of its own, and a last line of `name: value` pairs.
    private static func parameters(
        _ job: GenerationJob, _ plan: GenerationPlan, seed: Int64
    ) -> String {
        var pairs: [(String, String)] = [
            ("Steps", "\(plan.baseSteps + plan.refinerSteps)"),
            ("Sampler", plan.scheduler),
            ("Schedule type", plan.spacing),
            ("CFG scale", plain(job.cfgScale)),
            ("Seed", "\(seed)"),
            ("Size", "\(plan.size.width)x\(plan.size.height)"),
            ("Model", plan.model),
        ]
        if let refiner = plan.refinerModel, let handoff = plan.handoff {
            pairs.append(("Refiner", refiner))
            pairs.append(("Refiner switch at", plain(handoff.percentage / 100)))
        }
        if let input = job.imageInput {
            pairs.append(("Denoising strength", plain(input.strength)))
        }
        pairs.append(("Version", "Refinery"))
        let line = pairs.map { "\($0): \(guarded($1))" }.joined(separator: ", ")
        let negative = job.negativePrompt.map { "\nNegative prompt: \($0)" } ?? ""
        return "\(job.positivePrompt)\(negative)\n\(line)"
    }

    /// In quotes where the value would otherwise be taken for several.
    private static func guarded(_ value: String) -> String {
        value.contains(where: { ",:\n\"".contains($0) }) ? value.debugDescription : value
    }

    /// `7` for 7.0, `2.5` for 2.5.
    private static func plain(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }
}
