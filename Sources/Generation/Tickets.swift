// Paused jobs, and the jobs that go on from them. A resumed job is a job of its own, whose picture is, to
// the last byte, that of its request run from the start: so what may be changed is what comes later than
// the steps that were run.

/// What a caller asks of a paused job, unchecked.
public struct ResumeRequest: Equatable, Sendable {
    /// Of the paused job.
    public var jobID: String
    /// Of the new one; made up when nil.
    public var requestID: String?
    /// What it leaves out is as in the paused job.
    public var refiner: GenerationRequest.Refiner?
    /// The base ends the picture alone.
    public var withoutRefiner: Bool
    /// The new job is paused too, later on.
    public var pauseAt: GenerationRequest.PausePoint?
    public var priority: Int?
    /// From the new job's acceptance; nil is as much as the paused one had, from then.
    public var deadlineMilliseconds: Int?

    public init(
        jobID: String, requestID: String? = nil, refiner: GenerationRequest.Refiner? = nil,
        withoutRefiner: Bool = false, pauseAt: GenerationRequest.PausePoint? = nil,
        priority: Int? = nil, deadlineMilliseconds: Int? = nil
    ) {
        self.jobID = jobID
        self.requestID = requestID
        self.refiner = refiner
        self.withoutRefiner = withoutRefiner
        self.pauseAt = pauseAt
        self.priority = priority
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// The new job's whole request.
    ///
    /// - Parameter paused: the paused job's, resolved.
    /// - Throws: INVALID_ARGUMENT for a refiner and none at once.
    public func request(resuming paused: GenerationRequest) throws(GenerationError)
        -> GenerationRequest
    {
        if withoutRefiner, refiner != nil {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "withoutRefiner is set, and a refiner is given: leave one of them out.",
                fields: ["withoutRefiner", "refiner"])
        }
        let kept = paused.refiner == nil ? nil : GenerationRequest.Refiner()
        var request = paused.separate(.init(refiner: withoutRefiner ? nil : refiner ?? kept))
        request.requestID = requestID
        request.pauseAt = pauseAt
        request.priority = priority ?? paused.priority
        request.deadlineMilliseconds = deadlineMilliseconds ?? paused.deadlineMilliseconds
        return request
    }

    /// The same for two that ask for the same under the same name.
    public var json: JSONText {
        var request = GenerationRequest()
        request.requestID = requestID
        request.refiner = refiner
        request.pauseAt = pauseAt
        request.priority = priority
        request.deadlineMilliseconds = deadlineMilliseconds
        return .object([
            "resume": JSONText(jobID), "withoutRefiner": JSONText(withoutRefiner),
            "request": request.json,
        ])
    }
}

extension ImageGenerator {
    /// The plan, and where in it the job is paused.
    ///
    /// - Throws: what the plan does; INVALID_ARGUMENT for a step that is not between two of its own.
    public func resolve(_ job: GenerationJob) throws(GenerationError) -> GenerationPlan {
        var plan = try plan(job)
        let step: Int
        switch job.pauseAt {
        case nil: return plan
        case .handoff: step = plan.baseSteps
        case .step(let asked): step = asked
        }
        guard (1..<max(plan.stepCount, 2)).contains(step), plan.stepCount > 1 else {
            throw .invalid(
                "pauseAt", code: "invalidPauseAt",
                "pauseAt is \(step): it must be from 1 to \(plan.stepCount - 1), as the job runs "
                    + "\(plan.stepCount) steps.")
        }
        plan.pauseStep = step
        return plan
    }
}

extension GenerationPlan {
    /// This plan, of a job that goes on from a paused one.
    ///
    /// - Parameters:
    ///   - paused: the other's plan.
    ///   - isSameRefiner: whether the refiner is the same in all that it does.
    /// - Throws: FAILED_PRECONDITION where steps that were run are others than this plan's.
    public func resuming(
        _ ticket: Ticket, paused: GenerationPlan, isSameRefiner: Bool
    ) throws(GenerationError) -> GenerationPlan {
        let isSame = isSameRefiner && baseSteps == paused.baseSteps
        guard isSame || ticket.step <= paused.baseSteps else {
            throw GenerationError(
                .failedPrecondition, code: "refinerHasRun",
                "The job is paused after step \(ticket.step), and its refiner has run since step "
                    + "\(paused.baseSteps + 1): it can only be finished as it was begun. Say nothing of "
                    + "the refiner, or pause a job at its handoff or before it.",
                fields: ["refiner"])
        }
        guard isSame || ticket.step <= baseSteps else {
            throw GenerationError(
                .failedPrecondition, code: "invalidRefinerStart",
                "The job is paused after step \(ticket.step), which the base ran: the refiner can take "
                    + "over at step \(ticket.step + 1) or later, not at \(baseSteps + 1).",
                fields: ["refiner.startStep"])
        }
        if let pauseStep, pauseStep <= ticket.step {
            throw .invalid(
                "pauseAt", code: "invalidPauseAt",
                "pauseAt is after step \(pauseStep), and the job is paused after \(ticket.step): take a "
                    + "later one, or none.")
        }
        var plan = self
        plan.resumes = ticket
        return plan
    }
}

extension Parameter {
    /// A step, or the word for the handoff.
    static func pausePoint(
        _ value: JSONValue, path: String
    ) throws(GenerationError) -> GenerationRequest.PausePoint {
        switch value {
        case .integer(let step): return .step(Int(step))
        case .string(handoffWord): return .handoff
        default:
            throw RequestReader.wrongType(
                value, path: path, wanted: "a step, or \"\(handoffWord)\"")
        }
    }

    static func json(_ point: GenerationRequest.PausePoint) -> JSONText {
        switch point {
        case .step(let step): JSONText(step)
        case .handoff: JSONText(handoffWord)
        }
    }

    private static let handoffWord = "handoff"
}
