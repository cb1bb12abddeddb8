internal import CProtobufC
internal import CRefineryProto
internal import Generation

// GenerationRequest and refinery.v1.GenerateRequest. Ranges, finiteness and defaults are checked by
// GenerationJob; here only what the message itself can get wrong.

extension GenerationRequest {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__generate_request__init, refinery__v1__generate_request__unpack
        ) { message throws(GenerationError) in
            try GenerationRequest(message)
        }
    }

    private init(_ message: Refinery__V1__GenerateRequest) throws(GenerationError) {
        self.init()
        requestID = try nonEmptyText(message.request_id, "taskUUID")
        positivePrompt = try nonEmptyText(message.positive_prompt, "positivePrompt")
        if let prompt = member(message.negative_prompt_presence_case, message.negative_prompt) {
            negativePrompt = try text(prompt, "negativePrompt")
        }
        positivePrompt2 = try nonEmptyText(message.positive_prompt_2, "positivePrompt2")
        if let prompt = member(message.negative_prompt_2_presence_case, message.negative_prompt_2) {
            negativePrompt2 = try text(prompt, "negativePrompt2")
        }
        model = try nonEmptyText(message.model, "model")
        width = member(message.width_presence_case, message.width).map(Int.init)
        height = member(message.height_presence_case, message.height).map(Int.init)
        steps = member(message.steps_presence_case, message.steps).map(Int.init)
        scheduler = try nonEmptyText(message.scheduler, "scheduler")
        vae = try nonEmptyText(message.vae, "vae")
        seed = member(message.seed_presence_case, message.seed)
        cfgScale = member(message.cfg_scale_presence_case, message.cfg_scale)
        numberResults = member(message.number_results_presence_case, message.number_results)
            .map(Int.init)
        originalSize = message.original_size.map { ImageSize($0.pointee) }
        cropTopLeft = message.crop_top_left.map { ImagePoint($0.pointee) }
        targetSize = message.target_size.map { ImageSize($0.pointee) }
        negativeOriginalSize = message.negative_original_size.map { ImageSize($0.pointee) }
        negativeCropTopLeft = message.negative_crop_top_left.map { ImagePoint($0.pointee) }
        negativeTargetSize = message.negative_target_size.map { ImageSize($0.pointee) }
        clipSkip = message.clip_skip == 0 ? nil : Int(message.clip_skip)
        promptWeighting = try nonEmptyText(message.prompt_weighting, "promptWeighting")
        guidanceRescale = message.guidance_rescale == 0 ? nil : message.guidance_rescale
        for case let embedding? in try fewElements(
            message.n_embeddings, message.embeddings, "embeddings")
        {
            embeddings.append(
                Embedding(
                    model: try nonEmptyText(
                        embedding.pointee.model, "embeddings[\(embeddings.count)].model"),
                    weight: member(
                        embedding.pointee.weight_presence_case, embedding.pointee.weight)))
        }
        eta = member(message.eta_presence_case, message.eta)
        handoffHistory = GenerationJob.HandoffHistory.name(message.handoff_history)
        if let refiner = message.refiner?.pointee {
            self.refiner = try Refiner(refiner, path: "refiner")
        }
        for case let branch? in elements(message.n_branches, message.branches) {
            let path = "branches[\(branches.count)].refiner"
            branches.append(
                Branch(
                    refiner: try branch.pointee.refiner.map { refiner throws(GenerationError) in
                        try Refiner(refiner.pointee, path: path)
                    }))
        }
        seedImage = try nonEmptyText(message.seed_image, "seedImage")
        maskImage = try nonEmptyText(message.mask_image, "maskImage")
        strength = member(message.strength_presence_case, message.strength)
        for case let lora? in try fewElements(message.n_loras, message.loras, "lora") {
            loras.append(try LoRA(lora.pointee, path: "lora[\(loras.count)]"))
        }
        priority = member(message.priority_presence_case, message.priority).map(Int.init)
        deadlineMilliseconds = member(message.deadline_ms_presence_case, message.deadline_ms)
            .map { Int(clamping: $0) }
        detach = member(message.detach_presence_case, message.detach).map { $0 != 0 }
        pauseAt = try message.pause_at.map { point throws(GenerationError) in
            try PausePoint(point.pointee)
        }
        previewEvery = member(message.preview_every_presence_case, message.preview_every)
            .map(Int.init)
        previewSide = member(message.preview_side_presence_case, message.preview_side)
            .map(Int.init)
    }
}

extension GenerationJob.HandoffHistory {
    /// The name of a number; nil for KEEP, which is what absent means, and the number itself where
    /// it has no name here, which the checks then refuse.
    fileprivate static func name(_ number: Refinery__V1__HandoffHistory) -> String? {
        switch number {
        case REFINERY__V1__HANDOFF_HISTORY__KEEP: nil
        case REFINERY__V1__HANDOFF_HISTORY__RESET: Self.reset.rawValue
        default: "\(number.rawValue)"
        }
    }

    fileprivate static func number(
        _ name: String?
    ) throws(GenerationError) -> Refinery__V1__HandoffHistory {
        switch name ?? "" {
        case "", Self.keep.rawValue: return REFINERY__V1__HANDOFF_HISTORY__KEEP
        case Self.reset.rawValue: return REFINERY__V1__HANDOFF_HISTORY__RESET
        case let other:
            throw .invalid(
                "handoffHistory", code: "invalidHandoffHistory",
                "handoffHistory is \"\(other)\": it must be KEEP or RESET.")
        }
    }
}

extension GenerationRequest.LoRA {
    fileprivate init(
        _ message: Refinery__V1__Lora, path: String
    ) throws(GenerationError) {
        guard let applyTo = Target(rawValue: Int32(bitPattern: message.apply_to.rawValue)) else {
            throw .invalid(
                "\(path).applyTo", code: "invalidLora",
                "\(path).applyTo is \(message.apply_to.rawValue): it must be BASE_ONLY (0), "
                    + "REFINER_ONLY (1) or BOTH (2).")
        }
        self.init(
            model: try nonEmptyText(message.model, "\(path).model"),
            weight: member(message.weight_presence_case, message.weight), applyTo: applyTo)
    }
}

extension ImageSize {
    init(_ message: Refinery__V1__Size) {
        self.init(height: Int(message.height), width: Int(message.width))
    }
}

extension ImagePoint {
    init(_ message: Refinery__V1__Point) {
        self.init(top: Int(message.top), left: Int(message.left))
    }
}

extension Arena {
    /// Throws INVALID_ARGUMENT for a number that its field cannot hold; anything else is for the
    /// server to judge.
    func message(
        _ request: GenerationRequest
    ) throws(GenerationError) -> UnsafeMutablePointer<Refinery__V1__GenerateRequest> {
        let message = make(refinery__v1__generate_request__init) { _ in }
        try fill(&message.pointee, request)
        return message
    }

    private func fill(
        _ message: inout Refinery__V1__GenerateRequest, _ request: GenerationRequest
    ) throws(GenerationError) {
        message.request_id = bytes(request.requestID ?? "")
        message.positive_prompt = bytes(request.positivePrompt ?? "")
        if let prompt = request.negativePrompt {
            message.negative_prompt_presence_case =
                REFINERY__V1__GENERATE_REQUEST__NEGATIVE_PROMPT_PRESENCE_NEGATIVE_PROMPT
            message.negative_prompt = bytes(prompt)
        }
        message.positive_prompt_2 = bytes(request.positivePrompt2 ?? "")
        if let prompt = request.negativePrompt2 {
            message.negative_prompt_2_presence_case =
                REFINERY__V1__GENERATE_REQUEST__NEGATIVE_PROMPT_2_PRESENCE_NEGATIVE_PROMPT_2
            message.negative_prompt_2 = bytes(prompt)
        }
        message.model = bytes(request.model ?? "")
        if let width = request.width {
            message.width_presence_case =
                REFINERY__V1__GENERATE_REQUEST__WIDTH_PRESENCE_WIDTH
            message.width = try number(width, "width")
        }
        if let height = request.height {
            message.height_presence_case =
                REFINERY__V1__GENERATE_REQUEST__HEIGHT_PRESENCE_HEIGHT
            message.height = try number(height, "height")
        }
        if let steps = request.steps {
            message.steps_presence_case =
                REFINERY__V1__GENERATE_REQUEST__STEPS_PRESENCE_STEPS
            message.steps = try number(steps, "steps")
        }
        message.scheduler = bytes(request.scheduler ?? "")
        message.vae = bytes(request.vae ?? "")
        if let seed = request.seed {
            message.seed_presence_case = REFINERY__V1__GENERATE_REQUEST__SEED_PRESENCE_SEED
            message.seed = seed
        }
        if let scale = request.cfgScale {
            message.cfg_scale_presence_case =
                REFINERY__V1__GENERATE_REQUEST__CFG_SCALE_PRESENCE_CFG_SCALE
            message.cfg_scale = scale
        }
        if let count = request.numberResults {
            message.number_results_presence_case =
                REFINERY__V1__GENERATE_REQUEST__NUMBER_RESULTS_PRESENCE_NUMBER_RESULTS
            message.number_results = try number(count, "numberResults")
        }
        message.original_size = try size(request.originalSize, "originalSize")
        message.crop_top_left = try point(request.cropTopLeft, "cropTopLeft")
        message.target_size = try size(request.targetSize, "targetSize")
        message.negative_original_size = try size(
            request.negativeOriginalSize, "negativeOriginalSize")
        message.negative_crop_top_left = try point(
            request.negativeCropTopLeft, "negativeCropTopLeft")
        message.negative_target_size = try size(request.negativeTargetSize, "negativeTargetSize")
        message.clip_skip = try number(request.clipSkip ?? 0, "clipSkip")
        message.prompt_weighting = bytes(request.promptWeighting ?? "")
        message.guidance_rescale = request.guidanceRescale ?? 0
        (message.n_embeddings, message.embeddings) = array(
            request.embeddings.map { self.message($0) })
        if let eta = request.eta {
            message.eta_presence_case = REFINERY__V1__GENERATE_REQUEST__ETA_PRESENCE_ETA
            message.eta = eta
        }
        message.handoff_history = try GenerationJob.HandoffHistory.number(request.handoffHistory)
        message.refiner = try refiner(request.refiner)
        var branches: [UnsafeMutablePointer<Refinery__V1__Branch>?] = []
        for branch in request.branches {
            let refiner = try refiner(branch.refiner)
            branches.append(make(refinery__v1__branch__init) { $0.refiner = refiner })
        }
        (message.n_branches, message.branches) = array(branches)
        message.seed_image = bytes(request.seedImage ?? "")
        message.mask_image = bytes(request.maskImage ?? "")
        if let strength = request.strength {
            message.strength_presence_case =
                REFINERY__V1__GENERATE_REQUEST__STRENGTH_PRESENCE_STRENGTH
            message.strength = strength
        }
        (message.n_loras, message.loras) = array(request.loras.map { self.message($0) })
        if let priority = request.priority {
            message.priority_presence_case =
                REFINERY__V1__GENERATE_REQUEST__PRIORITY_PRESENCE_PRIORITY
            message.priority = Int32(clamping: priority)
        }
        if let milliseconds = request.deadlineMilliseconds {
            message.deadline_ms_presence_case =
                REFINERY__V1__GENERATE_REQUEST__DEADLINE_MS_PRESENCE_DEADLINE_MS
            message.deadline_ms = UInt64(clamping: milliseconds)
        }
        if let detach = request.detach {
            message.detach_presence_case =
                REFINERY__V1__GENERATE_REQUEST__DETACH_PRESENCE_DETACH
            message.detach = detach ? 1 : 0
        }
        message.pause_at = try point(request.pauseAt)
        if let interval = request.previewEvery {
            message.preview_every_presence_case =
                REFINERY__V1__GENERATE_REQUEST__PREVIEW_EVERY_PRESENCE_PREVIEW_EVERY
            message.preview_every = try number(interval, "previewEvery")
        }
        if let side = request.previewSide {
            message.preview_side_presence_case =
                REFINERY__V1__GENERATE_REQUEST__PREVIEW_SIDE_PRESENCE_PREVIEW_SIDE
            message.preview_side = try number(side, "previewSide")
        }
    }

    private func message(
        _ lora: GenerationRequest.LoRA
    ) -> UnsafeMutablePointer<Refinery__V1__Lora>? {
        make(refinery__v1__lora__init) {
            $0.model = bytes(lora.model ?? "")
            if let weight = lora.weight {
                $0.weight_presence_case = REFINERY__V1__LORA__WEIGHT_PRESENCE_WEIGHT
                $0.weight = weight
            }
            $0.apply_to = Refinery__V1__Lora__ApplyTo(rawValue: UInt32(lora.applyTo.rawValue))
        }
    }

    private func message(
        _ embedding: GenerationRequest.Embedding
    ) -> UnsafeMutablePointer<Refinery__V1__Embedding>? {
        make(refinery__v1__embedding__init) {
            $0.model = bytes(embedding.model ?? "")
            if let weight = embedding.weight {
                $0.weight_presence_case = REFINERY__V1__EMBEDDING__WEIGHT_PRESENCE_WEIGHT
                $0.weight = weight
            }
        }
    }

    private func size(
        _ size: ImageSize?, _ field: String
    ) throws(GenerationError) -> UnsafeMutablePointer<Refinery__V1__Size>? {
        guard let size else { return nil }
        let height = try number(size.height, field)
        let width = try number(size.width, field)
        return make(refinery__v1__size__init) {
            $0.height = height
            $0.width = width
        }
    }

    private func point(
        _ point: ImagePoint?, _ field: String
    ) throws(GenerationError) -> UnsafeMutablePointer<Refinery__V1__Point>? {
        guard let point else { return nil }
        let top = try number(point.top, field)
        let left = try number(point.left, field)
        return make(refinery__v1__point__init) {
            $0.top = top
            $0.left = left
        }
    }

    func number(_ value: Int, _ field: String) throws(GenerationError) -> UInt32 {
        guard let number = UInt32(exactly: value) else {
            throw .doesNotFit(field: field, value)
        }
        return number
    }
}
