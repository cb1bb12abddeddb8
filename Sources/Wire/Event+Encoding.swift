internal import CProtobufC
internal import CRefineryProto
internal import Generation

// refinery.v1.Event, as the server writes it.

extension Event {
    /// Calls `body` with the event as a C message. A picture is lent to it, not copied.
    func withPackable<Result>(_ body: (PackableMessage) -> Result) -> Result {
        let png: [UInt8] =
            switch content {
            case .image(let image): image.png
            case .progress(let progress): progress.preview?.png ?? []
            default: []
            }
        return png.withUnsafeBufferPointer { png in
            // C has no const here; packing only reads.
            let lent = ProtobufCBinaryData(
                len: png.count, data: UnsafeMutablePointer(mutating: png.baseAddress))
            let arena = Arena()
            defer { withExtendedLifetime(arena) {} }
            return body(PackableMessage(arena.message(self, png: lent)))
        }
    }
}

extension Arena {
    fileprivate func message(
        _ event: Event, png: ProtobufCBinaryData
    ) -> UnsafeMutablePointer<Refinery__V1__Event> {
        make(refinery__v1__event__init) {
            $0.job_id = bytes(event.jobID)
            $0.sequence = event.sequence
            $0.time_ms = event.timeMilliseconds
            switch event.content {
            case .accepted(let plan):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_ACCEPTED
                $0.accepted = message(plan)
            case .queued(let queued):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_QUEUED
                $0.queued = message(queued)
            case .progress(let progress):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_PROGRESS
                $0.progress = message(progress, preview: png)
            case .handedOff(let handedOff):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_HANDED_OFF
                $0.handed_off = message(handedOff)
            case .image(let image):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_IMAGE
                $0.image = message(image, png: png)
            case .resumed(let resumed):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_RESUMED
                $0.resumed = message(resumed)
            case .ended(let ended):
                $0.content_case = REFINERY__V1__EVENT__CONTENT_ENDED
                $0.ended = message(ended)
            }
        }
    }

    private func message(_ ended: Event.Ended) -> UnsafeMutablePointer<Refinery__V1__Ended> {
        make(refinery__v1__ended__init) {
            $0.state = ended.state.wire
            $0.error = ended.error.map { jobError($0) }
        }
    }

    private func message(
        _ resumed: Event.Resumed
    ) -> UnsafeMutablePointer<Refinery__V1__Resumed> {
        make(refinery__v1__resumed__init) {
            $0.image_index = UInt32(clamping: resumed.imageIndex)
            $0.step = UInt32(clamping: resumed.step)
            $0.reason = bytes(resumed.reason)
        }
    }

    private func message(_ plan: GenerationPlan) -> UnsafeMutablePointer<Refinery__V1__Accepted> {
        make(refinery__v1__accepted__init) {
            $0.model = bytes(plan.model)
            $0.refiner_model = bytes(plan.refinerModel ?? "")
            $0.size = message(plan.size)
            ($0.n_seeds, $0.seeds) = array(plan.seeds)
            $0.scheduler = bytes(plan.scheduler)
            $0.spacing = bytes(plan.spacing)
            ($0.n_timesteps, $0.timesteps) = array(plan.timesteps)
            ($0.n_sigmas, $0.sigmas) = array(plan.sigmas)
            $0.base_steps = UInt32(clamping: plan.baseSteps)
            $0.refiner_steps = UInt32(clamping: plan.refinerSteps)
            $0.handoff = plan.handoff.map { message($0) }
            ($0.n_advice, $0.advice) = array(plan.advice.map { bytes($0) })
            $0.fingerprint = bytes(plan.fingerprint)
            ($0.n_branches, $0.branches) = array(plan.branches.map { Optional(message($0)) })
            $0.pause_step = UInt32(clamping: plan.pauseStep ?? 0)
            $0.resumes = plan.resumes.map { ticket in
                make(refinery__v1__ticket__init) {
                    $0.job_id = bytes(ticket.jobID)
                    $0.step = UInt32(clamping: ticket.step)
                }
            }
        }
    }

    private func message(
        _ branch: GenerationPlan.Branch
    ) -> UnsafeMutablePointer<Refinery__V1__BranchPlan> {
        make(refinery__v1__branch_plan__init) {
            $0.index = UInt32(clamping: branch.index)
            $0.refiner_model = bytes(branch.refinerModel ?? "")
            $0.base_steps = UInt32(clamping: branch.baseSteps)
            $0.refiner_steps = UInt32(clamping: branch.refinerSteps)
            $0.handoff = branch.handoff.map { message($0) }
            ($0.n_advice, $0.advice) = array(branch.advice.map { bytes($0) })
            $0.fingerprint = bytes(branch.fingerprint)
        }
    }

    private func message(
        _ handoff: GenerationPlan.Handoff
    ) -> UnsafeMutablePointer<Refinery__V1__Handoff> {
        make(refinery__v1__handoff__init) {
            $0.step = UInt32(clamping: handoff.step)
            $0.percentage = handoff.percentage
            $0.timestep = handoff.timestep
            $0.sigma = handoff.sigma
        }
    }

    private func message(_ queued: Event.Queued) -> UnsafeMutablePointer<Refinery__V1__Queued> {
        make(refinery__v1__queued__init) {
            $0.place = UInt32(clamping: queued.place)
            if let seconds = queued.etaSeconds {
                $0.eta_seconds_presence_case =
                    REFINERY__V1__QUEUED__ETA_SECONDS_PRESENCE_ETA_SECONDS
                $0.eta_seconds = seconds
            }
        }
    }

    private func message(
        _ progress: Event.Progress, preview: ProtobufCBinaryData
    ) -> UnsafeMutablePointer<Refinery__V1__Progress> {
        make(refinery__v1__progress__init) {
            $0.phase = Refinery__V1__Phase(rawValue: UInt32(progress.phase.rawValue))
            $0.step = UInt32(clamping: progress.step)
            $0.steps = UInt32(clamping: progress.steps)
            $0.phase_step = UInt32(clamping: progress.phaseStep)
            $0.phase_steps = UInt32(clamping: progress.phaseSteps)
            $0.timestep = progress.timestep
            $0.sigma = progress.sigma
            $0.step_seconds = progress.stepSeconds
            $0.elapsed_seconds = progress.elapsedSeconds
            if let seconds = progress.etaSeconds {
                $0.eta_seconds_presence_case =
                    REFINERY__V1__PROGRESS__ETA_SECONDS_PRESENCE_ETA_SECONDS
                $0.eta_seconds = seconds
            }
            $0.image_index = UInt32(clamping: progress.imageIndex)
            $0.image_count = UInt32(clamping: progress.imageCount)
            if let branch = progress.branch {
                $0.branch_presence_case = REFINERY__V1__PROGRESS__BRANCH_PRESENCE_BRANCH
                $0.branch = UInt32(clamping: branch)
            }
            $0.job_step = UInt32(clamping: progress.jobStep)
            $0.job_steps = UInt32(clamping: progress.jobSteps)
            $0.preview = preview
            $0.preview_step = UInt32(clamping: progress.preview?.step ?? 0)
        }
    }

    private func message(
        _ handedOff: Event.HandedOff
    ) -> UnsafeMutablePointer<Refinery__V1__HandedOff> {
        make(refinery__v1__handed_off__init) {
            $0.image_index = UInt32(clamping: handedOff.imageIndex)
            $0.handoff = message(handedOff.handoff)
            $0.latents_sha256 = bytes(handedOff.latentsSHA256)
            if let branch = handedOff.branch {
                $0.branch_presence_case = REFINERY__V1__HANDED_OFF__BRANCH_PRESENCE_BRANCH
                $0.branch = UInt32(clamping: branch)
            }
        }
    }

    private func message(
        _ image: Event.Image, png: ProtobufCBinaryData
    ) -> UnsafeMutablePointer<Refinery__V1__Image> {
        make(refinery__v1__image__init) {
            $0.png = png
            $0.width = UInt32(clamping: image.size.width)
            $0.height = UInt32(clamping: image.size.height)
            $0.seed = image.seed
            $0.sha256 = bytes(image.sha256)
            $0.image_index = UInt32(clamping: image.imageIndex)
            $0.image_count = UInt32(clamping: image.imageCount)
            if let branch = image.branch {
                $0.branch_presence_case = REFINERY__V1__IMAGE__BRANCH_PRESENCE_BRANCH
                $0.branch = UInt32(clamping: branch)
            }
            $0.paused_step = UInt32(clamping: image.pausedStep ?? 0)
            $0.summary = image.summary.map { message($0) }
        }
    }

    private func message(_ summary: Event.Summary) -> UnsafeMutablePointer<Refinery__V1__Summary> {
        make(refinery__v1__summary__init) {
            $0.base_steps = UInt32(clamping: summary.baseSteps)
            $0.refiner_steps = UInt32(clamping: summary.refinerSteps)
            $0.text_encoding_seconds = summary.textEncodingSeconds
            $0.image_encoding_seconds = summary.imageEncodingSeconds
            $0.base_seconds = summary.baseSeconds
            $0.is_cut_short = summary.isCutShort ? 1 : 0
            $0.refiner_seconds = summary.refinerSeconds
            $0.decoding_seconds = summary.decodingSeconds
            $0.total_seconds = summary.totalSeconds
            $0.base_evaluations = UInt32(clamping: summary.baseEvaluations)
            $0.refiner_evaluations = UInt32(clamping: summary.refinerEvaluations)
            $0.shared_evaluations = UInt32(clamping: summary.sharedEvaluations)
        }
    }

    func message(_ size: ImageSize) -> UnsafeMutablePointer<Refinery__V1__Size> {
        make(refinery__v1__size__init) {
            $0.height = UInt32(clamping: size.height)
            $0.width = UInt32(clamping: size.width)
        }
    }
}
