// A job with branches, and the job that each of them would be by itself. Whatever is true of a branch's
// picture (its checks, its plan, its file to the last byte) is what is true of that separate job's.

extension GenerationRequest {
    /// The request that asks for one branch alone.
    func separate(_ branch: Branch) -> GenerationRequest {
        var request = self
        request.branches = []
        request.refiner = branch.refiner.map { $0.completed(by: refiner) }
        guard branch.refiner == nil else { return request }
        // What is about a refiner only is for the other branches.
        request.handoffHistory = nil
        request.loras = loras.filter { $0.applyTo != .refiner }.map {
            LoRA(model: $0.model, weight: $0.weight)
        }
        return request
    }
}

extension GenerationRequest.Refiner {
    /// With the other's values where this one says nothing. Where it takes over is one value, in
    /// whichever unit.
    fileprivate func completed(by other: Self?) -> Self {
        guard let other else { return self }
        var refiner = self
        refiner.model = model.nonEmpty ?? other.model
        if startStep == nil, startStepPercentage == nil, startTimestep == nil, startSigma == nil {
            refiner.startStep = other.startStep
            refiner.startStepPercentage = other.startStepPercentage
            refiner.startTimestep = other.startTimestep
            refiner.startSigma = other.startSigma
        }
        refiner.cfgScale = cfgScale ?? other.cfgScale
        refiner.positivePrompt = positivePrompt ?? other.positivePrompt
        refiner.negativePrompt = negativePrompt ?? other.negativePrompt
        refiner.aestheticScore = aestheticScore ?? other.aestheticScore
        refiner.negativeAestheticScore = negativeAestheticScore ?? other.negativeAestheticScore
        return refiner
    }
}

extension GenerationJob {
    /// The job that makes one branch's pictures alone.
    public func separate(branch index: Int) -> GenerationJob {
        var job = self
        job.branches = []
        job.refiner = branches[index].refiner
        guard job.refiner == nil else { return job }
        job.handoffHistory = .keep
        job.loras = loras.filter { $0.applyTo != .refiner }.map {
            LoRA(model: $0.model, weight: $0.weight, applyTo: .base)
        }
        return job
    }

    /// The job that makes the pictures of one ending alone; without branches this one.
    public func ending(branch index: Int) -> GenerationJob {
        branches.isEmpty ? self : separate(branch: index)
    }

    /// Some ending has a refiner.
    public var hasRefiner: Bool { refiner != nil || branches.contains { $0.refiner != nil } }

    /// Checks each branch as the separate request that it stands for.
    init(
        branchesOf request: GenerationRequest, models: [ModelDescription],
        limits: GenerationLimits, pictures: PictureLookup
    ) throws(GenerationError) {
        try Self.checkBranches(request)
        var request = request
        // Random values are drawn once for all of them.
        request.requestID = request.requestID.nonEmpty ?? Self.makeRequestID()
        request.seed = request.seed ?? Self.makeSeed()
        var jobs: [GenerationJob] = []
        for (index, branch) in request.branches.enumerated() {
            do throws(GenerationError) {
                let job = try GenerationJob(
                    request.separate(branch), models: models, limits: limits, pictures: pictures)
                if let same = jobs.firstIndex(where: { $0.refiner == job.refiner }) {
                    throw .invalid(
                        "branches[\(index)]", code: "duplicateBranch",
                        "branches[\(index)] asks for the same as branches[\(same)]: leave one out.")
                }
                jobs.append(job)
            } catch {
                throw error.inBranch(index)
            }
        }
        // With what only those with a refiner take.
        self = jobs.first { $0.refiner != nil } ?? jobs[0]
        branches = jobs.map { Branch(refiner: $0.refiner) }
        refiner = nil
    }

    private static func checkBranches(_ request: GenerationRequest) throws(GenerationError) {
        guard request.pauseAt == nil else {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "pauseAt is for a job with one ending: leave branches out, and resume the job as often "
                    + "as you want endings.", fields: ["pauseAt", "branches"])
        }
        let images = request.branches.count * (request.numberResults ?? 1)
        guard images <= Parameter.branchImageMaximum else {
            throw GenerationError(
                .invalidArgument, code: "invalidBranches",
                "\(request.branches.count) branches of numberResults \(request.numberResults ?? 1) are "
                    + "\(images) pictures: one request makes at most \(Parameter.branchImageMaximum).",
                fields: ["branches", "numberResults"])
        }
        guard request.branches.allSatisfy({ $0.refiner == nil }) else { return }
        let isAboutRefiner =
            request.refiner != nil || request.handoffHistory.nonEmpty != nil
            || request.loras.contains { $0.applyTo != .base }
        if isAboutRefiner {
            throw GenerationError(
                .invalidArgument, code: "incompatibleParameters",
                "The request speaks of a refiner, and none of its branches has one: write "
                    + "{\"refiner\": {}} for a branch with it, with a start field in it unless refiner "
                    + "has one.", fields: ["branches", "refiner"])
        }
    }
}

extension GenerationError {
    /// What is wrong with the separate request of a branch, as said of the request that holds it.
    public func inBranch(_ index: Int) -> GenerationError {
        let prefix = "branches[\(index)]"
        guard fields.contains(where: { $0.hasPrefix("refiner") }) else { return self }
        var error = self
        error.message = "\(prefix): \(message)"
        error.fields = fields.map { $0.hasPrefix("refiner") ? "\(prefix).\($0)" : $0 }
        return error
    }
}

extension GenerationPlan {
    /// How one branch ends.
    public struct Branch: Equatable, Sendable {
        /// Its place in the request.
        public var index: Int
        public var refinerModel: String?
        public var baseSteps: Int
        public var refinerSteps: Int
        /// Nil: the base ends the picture alone.
        public var handoff: Handoff?
        public var advice: [String]
        /// See ``GenerationPlan/fingerprint``: of the separate request.
        public var fingerprint: String

        public init(
            index: Int, refinerModel: String?, baseSteps: Int, refinerSteps: Int,
            handoff: Handoff?, advice: [String], fingerprint: String
        ) {
            self.index = index
            self.refinerModel = refinerModel
            self.baseSteps = baseSteps
            self.refinerSteps = refinerSteps
            self.handoff = handoff
            self.advice = advice
            self.fingerprint = fingerprint
        }

        fileprivate init(_ index: Int, _ plan: GenerationPlan) {
            self.init(
                index: index, refinerModel: plan.refinerModel, baseSteps: plan.baseSteps,
                refinerSteps: plan.refinerSteps, handoff: plan.handoff, advice: plan.advice,
                fingerprint: plan.fingerprint)
        }
    }

    /// Joins the plans of the separate requests of a job's branches.
    ///
    /// - Parameter plans: at least one; in the order of the branches.
    public init(joining plans: [GenerationPlan]) {
        // The base goes from handoff to handoff, and each branch is made from where it stands then.
        let branches = plans.enumerated().map { Branch($0.offset, $0.element) }.sorted {
            ($0.baseSteps, $0.index) < ($1.baseSteps, $1.index)
        }
        self = plans[branches[0].index]
        self.branches = branches
        let common = plans[0].advice.filter { sentence in
            plans.allSatisfy { $0.advice.contains(sentence) }
        }
        advice =
            common
            + plans.enumerated().flatMap { index, plan in
                plan.advice.filter { !common.contains($0) }.map { "branch \(index + 1): \($0)" }
            }
        var words: [Substring] = []
        for word in plans.flatMap({ $0.fingerprint.split(separator: " ") })
        where !words.contains(word) {
            words.append(word)
        }
        fingerprint = words.joined(separator: " ")
    }

    /// Of all seeds and branches. They are made seed by seed, and of each seed in the order of
    /// ``branches``.
    public var imageCount: Int { seeds.count * max(branches.count, 1) }

    /// Steps of one picture, both experts together.
    public var stepCount: Int { baseSteps + refinerSteps }

    public func seed(ofImage index: Int) -> Int64 { seeds[index / max(branches.count, 1)] }

    /// How an image ends; without branches as the job does.
    public func ending(ofImage index: Int) -> Branch {
        branches.isEmpty ? Branch(0, self) : branches[index % branches.count]
    }

    /// Its branch's place in the request; nil without branches.
    public func branch(ofImage index: Int) -> Int? {
        branches.isEmpty ? nil : ending(ofImage: index).index
    }

    /// Steps of an image that were run for the one before it, or by the job that this one resumes.
    public func sharedSteps(ofImage index: Int) -> Int {
        guard !branches.isEmpty, index % branches.count > 0 else {
            return index == 0 ? resumes?.step ?? 0 : 0
        }
        return branches[index % branches.count - 1].baseSteps
    }

    /// Steps that are run before so many of an image's are done, each counted once.
    public func workedSteps(beforeImage index: Int, step: Int) -> Int {
        let earlier = (0..<index).reduce(0) { $0 + stepCount - sharedSteps(ofImage: $1) }
        guard index < imageCount else { return earlier }
        return earlier + max(0, step - sharedSteps(ofImage: index))
    }

    /// Of the whole job, each counted once.
    public var workedSteps: Int { workedSteps(beforeImage: imageCount, step: 0) }

    /// The plan of the separate request of an image's branch; without branches this one.
    public func separate(ofImage index: Int) -> GenerationPlan {
        guard !branches.isEmpty else { return self }
        let ending = ending(ofImage: index)
        var plan = self
        plan.branches = []
        plan.refinerModel = ending.refinerModel
        plan.baseSteps = ending.baseSteps
        plan.refinerSteps = ending.refinerSteps
        plan.handoff = ending.handoff
        plan.advice = ending.advice
        plan.fingerprint = ending.fingerprint
        return plan
    }
}
