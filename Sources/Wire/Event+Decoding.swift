internal import CProtobufC
internal import CRefineryProto
internal import Generation

// refinery.v1.Event, as a client reads it. A unit test holds this against Event+Encoding.

extension Event {
    /// Nil for a kind of event that this client is too old to know.
    init?(decoding bytes: [UInt8]) throws(GenerationError) {
        let event = try withUnpacked(
            bytes, refinery__v1__event__init, refinery__v1__event__unpack
        ) { event throws(GenerationError) -> Event? in
            let isUnset = event.content_case == REFINERY__V1__EVENT__CONTENT__NOT_SET
            if isUnset, event.base.n_unknown_fields > 0 { return nil }
            return Event(
                jobID: try text(event.job_id, "jobId"), sequence: event.sequence,
                timeMilliseconds: event.time_ms, content: try Content(event))
        }
        guard let event else { return nil }
        self = event
    }
}

extension Event.Content {
    fileprivate init(_ event: Refinery__V1__Event) throws(GenerationError) {
        switch event.content_case {
        case REFINERY__V1__EVENT__CONTENT_ACCEPTED:
            self = .accepted(try GenerationPlan(event.accepted.pointee))
        case REFINERY__V1__EVENT__CONTENT_QUEUED:
            let queued = event.queued.pointee
            self = .queued(
                Event.Queued(
                    place: Int(queued.place),
                    etaSeconds: member(queued.eta_seconds_presence_case, queued.eta_seconds)))
        case REFINERY__V1__EVENT__CONTENT_PROGRESS:
            self = .progress(try Event.Progress(event.progress.pointee))
        case REFINERY__V1__EVENT__CONTENT_HANDED_OFF:
            let handedOff = event.handed_off.pointee
            guard let handoff = handedOff.handoff?.pointee else {
                throw .malformedReply("its handoff is missing")
            }
            self = .handedOff(
                Event.HandedOff(
                    imageIndex: Int(handedOff.image_index),
                    handoff: GenerationPlan.Handoff(handoff),
                    latentsSHA256: [UInt8](handedOff.latents_sha256),
                    branch: member(handedOff.branch_presence_case, handedOff.branch)
                        .map(Int.init)))
        case REFINERY__V1__EVENT__CONTENT_IMAGE:
            self = .image(Event.Image(event.image.pointee))
        case REFINERY__V1__EVENT__CONTENT_RESUMED:
            let resumed = event.resumed.pointee
            self = .resumed(
                Event.Resumed(
                    imageIndex: Int(resumed.image_index), step: Int(resumed.step),
                    reason: try text(resumed.reason, "reason")))
        case REFINERY__V1__EVENT__CONTENT_ENDED:
            let ended = event.ended.pointee
            self = .ended(
                Event.Ended(
                    state: try JobState(ended.state),
                    error: try ended.error.map { error throws(GenerationError) in
                        try GenerationError(error.pointee)
                    }))
        default:
            throw .malformedReply("it has no content")
        }
    }
}

extension GenerationPlan {
    fileprivate init(_ accepted: Refinery__V1__Accepted) throws(GenerationError) {
        guard let size = accepted.size?.pointee else {
            throw .malformedReply("its size is missing")
        }
        let advice = try texts(accepted.n_advice, accepted.advice, "advice")
        var branches: [Branch] = []
        for case let branch? in elements(accepted.n_branches, accepted.branches) {
            branches.append(try Branch(branch.pointee))
        }
        self.init(
            model: try text(accepted.model, "model"),
            refinerModel: try nonEmptyText(accepted.refiner_model, "refinerModel"),
            size: ImageSize(size),
            seeds: Array(elements(accepted.n_seeds, accepted.seeds)),
            scheduler: try text(accepted.scheduler, "scheduler"),
            spacing: try text(accepted.spacing, "spacing"),
            timesteps: Array(elements(accepted.n_timesteps, accepted.timesteps)),
            sigmas: Array(elements(accepted.n_sigmas, accepted.sigmas)),
            baseSteps: Int(accepted.base_steps), refinerSteps: Int(accepted.refiner_steps),
            handoff: accepted.handoff.map { Handoff($0.pointee) }, branches: branches,
            advice: advice,
            fingerprint: try text(accepted.fingerprint, "fingerprint"))
        pauseStep = accepted.pause_step == 0 ? nil : Int(accepted.pause_step)
        resumes = try accepted.resumes.map { ticket throws(GenerationError) in
            Ticket(
                jobID: try text(ticket.pointee.job_id, "jobId"), step: Int(ticket.pointee.step))
        }
    }
}

extension GenerationPlan.Branch {
    fileprivate init(_ branch: Refinery__V1__BranchPlan) throws(GenerationError) {
        self.init(
            index: Int(branch.index),
            refinerModel: try nonEmptyText(branch.refiner_model, "refinerModel"),
            baseSteps: Int(branch.base_steps), refinerSteps: Int(branch.refiner_steps),
            handoff: branch.handoff.map { GenerationPlan.Handoff($0.pointee) },
            advice: try texts(branch.n_advice, branch.advice, "advice"),
            fingerprint: try text(branch.fingerprint, "fingerprint"))
    }
}

extension GenerationPlan.Handoff {
    fileprivate init(_ handoff: Refinery__V1__Handoff) {
        self.init(
            step: Int(handoff.step), percentage: handoff.percentage, timestep: handoff.timestep,
            sigma: handoff.sigma)
    }
}

extension Event.Progress {
    fileprivate init(_ progress: Refinery__V1__Progress) throws(GenerationError) {
        guard let phase = Phase(rawValue: Int32(bitPattern: progress.phase.rawValue)) else {
            throw .malformedReply("its phase is \(progress.phase.rawValue), which is unknown here")
        }
        self.init(
            phase: phase, step: Int(progress.step), steps: Int(progress.steps),
            phaseStep: Int(progress.phase_step), phaseSteps: Int(progress.phase_steps),
            timestep: progress.timestep, sigma: progress.sigma, stepSeconds: progress.step_seconds,
            elapsedSeconds: progress.elapsed_seconds,
            etaSeconds: member(progress.eta_seconds_presence_case, progress.eta_seconds),
            imageIndex: Int(progress.image_index), imageCount: Int(progress.image_count),
            branch: member(progress.branch_presence_case, progress.branch).map(Int.init),
            jobStep: Int(progress.job_step), jobSteps: Int(progress.job_steps),
            preview: progress.preview.len == 0
                ? nil
                : Preview(png: [UInt8](progress.preview), step: Int(progress.preview_step)))
    }
}

extension Event.Image {
    fileprivate init(_ image: Refinery__V1__Image) {
        self.init(
            png: [UInt8](image.png),
            size: ImageSize(height: Int(image.height), width: Int(image.width)), seed: image.seed,
            sha256: [UInt8](image.sha256), imageIndex: Int(image.image_index),
            imageCount: Int(image.image_count),
            branch: member(image.branch_presence_case, image.branch).map(Int.init),
            pausedStep: image.paused_step == 0 ? nil : Int(image.paused_step),
            summary: image.summary.map { Event.Summary($0.pointee) })
    }
}

extension Event.Summary {
    fileprivate init(_ summary: Refinery__V1__Summary) {
        self.init(
            baseSteps: Int(summary.base_steps), refinerSteps: Int(summary.refiner_steps),
            textEncodingSeconds: summary.text_encoding_seconds,
            imageEncodingSeconds: summary.image_encoding_seconds, baseSeconds: summary.base_seconds,
            refinerSeconds: summary.refiner_seconds, decodingSeconds: summary.decoding_seconds,
            totalSeconds: summary.total_seconds, isCutShort: summary.is_cut_short != 0,
            baseEvaluations: Int(summary.base_evaluations),
            refinerEvaluations: Int(summary.refiner_evaluations),
            sharedEvaluations: Int(summary.shared_evaluations))
    }
}
