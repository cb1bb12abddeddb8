internal import CProtobufC
internal import CRefineryProto
internal import Generation

// Where jobs are paused, and ResumeRequest and refinery.v1.ResumeJobRequest.

extension ResumeRequest {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__resume_job_request__init,
            refinery__v1__resume_job_request__unpack
        ) { message throws(GenerationError) in
            ResumeRequest(
                jobID: try text(message.job_id, "jobId"),
                requestID: try nonEmptyText(message.request_id, "taskUUID"),
                refiner: try message.refiner.map { refiner throws(GenerationError) in
                    try GenerationRequest.Refiner(refiner.pointee, path: "refiner")
                }, withoutRefiner: message.without_refiner != 0,
                pauseAt: try message.pause_at.map { point throws(GenerationError) in
                    try GenerationRequest.PausePoint(point.pointee)
                }, priority: member(message.priority_presence_case, message.priority).map(Int.init),
                deadlineMilliseconds: member(
                    message.deadline_ms_presence_case, message.deadline_ms
                ).map { Int(clamping: $0) })
        }
    }
}

extension Arena {
    /// Throws INVALID_ARGUMENT for a number that its field cannot hold.
    func message(
        _ request: ResumeRequest
    ) throws(GenerationError) -> UnsafeMutablePointer<Refinery__V1__ResumeJobRequest> {
        let refiner = try refiner(request.refiner)
        let pauseAt = try point(request.pauseAt)
        return make(refinery__v1__resume_job_request__init) {
            $0.job_id = bytes(request.jobID)
            $0.request_id = bytes(request.requestID ?? "")
            $0.refiner = refiner
            $0.without_refiner = request.withoutRefiner ? 1 : 0
            $0.pause_at = pauseAt
            if let priority = request.priority {
                $0.priority_presence_case =
                    REFINERY__V1__RESUME_JOB_REQUEST__PRIORITY_PRESENCE_PRIORITY
                $0.priority = Int32(clamping: priority)
            }
            if let milliseconds = request.deadlineMilliseconds {
                $0.deadline_ms_presence_case =
                    REFINERY__V1__RESUME_JOB_REQUEST__DEADLINE_MS_PRESENCE_DEADLINE_MS
                $0.deadline_ms = UInt64(clamping: milliseconds)
            }
        }
    }

    func point(
        _ point: GenerationRequest.PausePoint?
    ) throws(GenerationError) -> UnsafeMutablePointer<Refinery__V1__PausePoint>? {
        guard let point else { return nil }
        let message = make(refinery__v1__pause_point__init) { _ in }
        switch point {
        case .step(let step):
            message.pointee.point_case = REFINERY__V1__PAUSE_POINT__POINT_STEP
            message.pointee.step = try number(step, "pauseAt")
        case .handoff:
            message.pointee.point_case = REFINERY__V1__PAUSE_POINT__POINT_HANDOFF
            message.pointee.handoff = 1
        }
        return message
    }
}

extension GenerationRequest.PausePoint {
    init(_ message: Refinery__V1__PausePoint) throws(GenerationError) {
        switch message.point_case {
        case REFINERY__V1__PAUSE_POINT__POINT_STEP: self = .step(Int(message.step))
        case REFINERY__V1__PAUSE_POINT__POINT_HANDOFF where message.handoff != 0: self = .handoff
        default:
            throw .invalid(
                "pauseAt", code: "invalidPauseAt",
                "pauseAt says neither a step nor the handoff: set one of them, or leave pauseAt out."
            )
        }
    }
}
