internal import CProtobufC
internal import CRefineryProto
internal import Generation

// GenerationRequest.Refiner and refinery.v1.Refiner: of a request, of its branches, and of what resumes a job.

extension GenerationRequest.Refiner {
    init(
        _ message: Refinery__V1__Refiner, path: String
    ) throws(GenerationError) {
        self.init()
        model = try nonEmptyText(message.model, "\(path).model")
        startStep = member(message.start_step_presence_case, message.start_step).map(Int.init)
        startStepPercentage = member(
            message.start_step_percentage_presence_case, message.start_step_percentage
        ).map(Int.init)
        startTimestep = member(message.start_timestep_presence_case, message.start_timestep)
        startSigma = member(message.start_sigma_presence_case, message.start_sigma)
        cfgScale = member(message.cfg_scale_presence_case, message.cfg_scale)
        if let prompt = member(message.positive_prompt_presence_case, message.positive_prompt) {
            positivePrompt = try text(prompt, "\(path).positivePrompt")
        }
        if let prompt = member(message.negative_prompt_presence_case, message.negative_prompt) {
            negativePrompt = try text(prompt, "\(path).negativePrompt")
        }
        aestheticScore = member(message.aesthetic_score_presence_case, message.aesthetic_score)
        negativeAestheticScore = member(
            message.negative_aesthetic_score_presence_case, message.negative_aesthetic_score)
    }
}

extension Arena {
    func refiner(
        _ refiner: GenerationRequest.Refiner?
    ) throws(GenerationError) -> UnsafeMutablePointer<Refinery__V1__Refiner>? {
        guard let refiner else { return nil }
        let message = make(refinery__v1__refiner__init) { _ in }
        try fill(&message.pointee, refiner)
        return message
    }

    private func fill(
        _ message: inout Refinery__V1__Refiner, _ refiner: GenerationRequest.Refiner
    ) throws(GenerationError) {
        message.model = bytes(refiner.model ?? "")
        if let step = refiner.startStep {
            message.start_step_presence_case =
                REFINERY__V1__REFINER__START_STEP_PRESENCE_START_STEP
            message.start_step = try number(step, "refiner.startStep")
        }
        if let percentage = refiner.startStepPercentage {
            message.start_step_percentage_presence_case =
                REFINERY__V1__REFINER__START_STEP_PERCENTAGE_PRESENCE_START_STEP_PERCENTAGE
            message.start_step_percentage = try number(percentage, "refiner.startStepPercentage")
        }
        if let timestep = refiner.startTimestep {
            message.start_timestep_presence_case =
                REFINERY__V1__REFINER__START_TIMESTEP_PRESENCE_START_TIMESTEP
            message.start_timestep = timestep
        }
        if let sigma = refiner.startSigma {
            message.start_sigma_presence_case =
                REFINERY__V1__REFINER__START_SIGMA_PRESENCE_START_SIGMA
            message.start_sigma = sigma
        }
        if let scale = refiner.cfgScale {
            message.cfg_scale_presence_case =
                REFINERY__V1__REFINER__CFG_SCALE_PRESENCE_CFG_SCALE
            message.cfg_scale = scale
        }
        if let prompt = refiner.positivePrompt {
            message.positive_prompt_presence_case =
                REFINERY__V1__REFINER__POSITIVE_PROMPT_PRESENCE_POSITIVE_PROMPT
            message.positive_prompt = bytes(prompt)
        }
        if let prompt = refiner.negativePrompt {
            message.negative_prompt_presence_case =
                REFINERY__V1__REFINER__NEGATIVE_PROMPT_PRESENCE_NEGATIVE_PROMPT
            message.negative_prompt = bytes(prompt)
        }
        if let score = refiner.aestheticScore {
            message.aesthetic_score_presence_case =
                REFINERY__V1__REFINER__AESTHETIC_SCORE_PRESENCE_AESTHETIC_SCORE
            message.aesthetic_score = score
        }
        if let score = refiner.negativeAestheticScore {
            message.negative_aesthetic_score_presence_case =
                REFINERY__V1__REFINER__NEGATIVE_AESTHETIC_SCORE_PRESENCE_NEGATIVE_AESTHETIC_SCORE
            message.negative_aesthetic_score = score
        }
    }
}
