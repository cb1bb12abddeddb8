internal import Diffusion
public import Generation
internal import Locking
public import Tensors
internal import Tokenization
internal import Weights

/// Makes pictures with SDXL: base, handoff, refiner, decoding. Where to read on: ``plan(_:)`` is what
/// a job will do, `SDXLRun` does it, `Denoiser` is one image's way down the schedule, `UNet` and
/// `VAEDecoder` are the networks.
public final class SDXLGenerator: ImageGenerator {
    private let current: Locked<LoadedModels>
    /// Held by the one thread that changes `current`.
    private let hashes: Locked<FileHashes>
    private let pool: ComputePool
    private let trace: TraceRecorder?
    /// The most that one lane uses.
    let threadCount: Int

    /// Reads the structure of every model of the catalog, no weights. A file that turns out not to
    /// be usable stays listed, with its problem.
    ///
    /// - Parameters:
    ///   - lanes: runs that may advance at once.
    ///   - threads: of each lane.
    ///   - trace: records every tensor of the (one) run it is given to.
    public init(
        catalog: ModelCatalog, lanes: Int, threads: Int, trace: TraceRecorder? = nil
    ) throws(ComputeError) {
        pool = try ComputePool(lanes: lanes, threads: threads)
        self.trace = trace
        threadCount = threads
        let hashes = FileHashes(directory: catalog.directoryPath)
        self.hashes = Locked(hashes)
        current = Locked(LoadedModels(catalog, hashes: hashes, reusing: nil))
    }

    public var models: [ModelDescription] { current.withLock { $0.models } }

    public var defaultModel: String { current.withLock { $0.catalog.defaultBaseID } }

    /// Looks what became of the models' files. Jobs under way keep theirs. Touches files: not for the
    /// event loop.
    ///
    /// - Returns: the models that are new or other than they were, and the ids of those that are gone.
    /// - Throws: when the directory as a whole cannot be used; all stays as it was.
    @discardableResult
    public func refresh() throws(ModelCatalogError) -> ModelChanges {
        try hashes.withLock { hashes throws(ModelCatalogError) in
            let old = current.withLock { $0 }
            guard let catalog = try old.catalog.refreshed() else { return ModelChanges() }
            let new = LoadedModels(catalog, hashes: hashes, reusing: old)
            // `old` goes, and unmaps its files, after the lock.
            current.withLock { $0 = new }
            return ModelChanges(from: old.models, to: new.models)
        }
    }

    var unhashedFiles: [(id: String, file: ModelDirectory.Place)] {
        current.withLock { $0 }.unhashedFiles
    }

    /// Nil where the model is no longer that file.
    func keep(_ sha256: String, of file: ModelDirectory.Place, id: String) -> ModelDescription? {
        hashes.withLock { hashes in
            hashes.keep(sha256, of: file)
            return current.withLock { $0.setHash(sha256, of: file, id: id) }
        }
    }

    public func plan(_ job: GenerationJob) throws(GenerationError) -> GenerationPlan {
        var lengths = PromptLengths()
        if job.branches.isEmpty { return try plan(job, &lengths) }
        var plans: [GenerationPlan] = []
        for index in job.branches.indices {
            do throws(GenerationError) {
                plans.append(try plan(job.separate(branch: index), &lengths))
            } catch {
                throw error.inBranch(index)
            }
        }
        return GenerationPlan(joining: plans)
    }

    /// Of a job without branches.
    private func plan(
        _ job: GenerationJob, _ lengths: inout PromptLengths
    ) throws(GenerationError) -> GenerationPlan {
        let (scheduler, whole) = try resolveSchedule(job)
        try checkEta(job, scheduler.algorithm)
        try checkClipSkip(job)
        let learned = try vocabulary(of: job)
        try checkWeights(job, learned: learned.words, &lengths)
        let first = try firstExpert(job)
        try checkPictures(job, first)
        let schedule = whole.dropFirst(try firstStep(job))
        let loras = current.withLock { $0.loras }
        var advice =
            truncationAdvice(job, learned: learned.words, &lengths) + unusedEmbeddingAdvice(job)
            + (try loras.advice(job))
        var handoff: Handoff?
        var digests = [first.digest] + loras.used(by: job).map(\.digest)
        if let refiner = job.refiner {
            let second = try expert(refiner.model, field: "refiner.model")
            guard first.unet.inputConvolution.inputs == second.unet.inputConvolution.inputs else {
                throw .invalid(
                    "refiner.model", code: "incompatibleParameters",
                    "base and refiner take different latents")
            }
            let resolved = try resolveHandoff(refiner.start, schedule: schedule)
            advice += HandoffAdvice.sentences(for: resolved, schedule: schedule)
            handoff = resolved
            digests.append(second.digest)
        } else if first.isRefiner {
            advice += HandoffAdvice.sentences(forRefinerAlone: schedule)
        }
        return GenerationPlan(
            model: job.model, refinerModel: job.refiner?.model, size: job.size, seeds: job.seeds,
            scheduler: scheduler.algorithm.rawValue, spacing: scheduler.spacing.rawValue,
            timesteps: schedule.timesteps, sigmas: schedule.sigmas.map(Double.init),
            baseSteps: handoff?.baseSteps ?? (first.isRefiner ? 0 : schedule.stepCount),
            refinerSteps: handoff?.refinerSteps ?? (first.isRefiner ? schedule.stepCount : 0),
            handoff: handoff.map {
                GenerationPlan.Handoff(
                    step: $0.step, percentage: $0.percentage, timestep: $0.timestep,
                    sigma: Double($0.sigma))
            }, advice: advice, fingerprint: Fingerprint.text(models: digests + learned.digests))
    }

    public func makeRun(
        _ job: GenerationJob, plan: GenerationPlan, from checkpoint: GenerationCheckpoint?
    ) throws(GenerationError) -> any GenerationRun {
        let (scheduler, schedule) = try resolveSchedule(job)
        let loras = current.withLock { $0.loras }
        let first = try loras.adapted(
            firstExpert(job), id: job.model, .base, for: job)
        let learned = try vocabulary(of: job)
        let refiners = Self.refiners(of: job, plan)
        var experts = first.isRefiner ? [(first, ExpertPrompt(refiner: nil, of: job))] : []
        for refiner in refiners.distinct {
            let expert = try loras.adapted(
                expert(refiner.model, field: "refiner.model"), id: refiner.model, .refiner, for: job
            )
            experts.append((expert, ExpertPrompt(refiner: refiner, of: job)))
        }
        let files =
            [(job.model, first.digest)]
            + zip(refiners.distinct, experts).map { ($0.model, $1.0.digest) }
            + zip(job.embeddings.map(\.model), learned.digests)
            + loras.used(by: job).map { ($0.name, $0.digest) }
        for (id, digest) in files where !Fingerprint.text(plan.fingerprint, covers: digest) {
            throw GenerationError(
                .failedPrecondition, code: "modelChanged",
                "The file of \"\(id)\" was replaced after the job was accepted. Send the request "
                    + "again.", retryable: true)
        }
        let seeds = job.seeds
        return try SDXLRun(
            plan: plan,
            base: first.isRefiner ? nil : (first, ExpertPrompt(base: job).with(learned)),
            refiners: experts.map { ($0, $1.with(learned)) },
            endings: zip(0..., refiners.ofEndings).map { index, refiner in
                RunEnding(
                    baseSteps: plan.ending(ofImage: index).baseSteps,
                    refiner: first.isRefiner ? 0 : refiner)
            },
            imageInput: job.imageInput, algorithm: scheduler.algorithm, schedule: schedule,
            eta: job.eta, resetsHistoryAtHandoff: job.handoffHistory == .reset,
            previews: job.previews,
            noise: { TorchGenerator(seed: seeds[$0]) }, from: checkpoint, pool: pool, trace: trace,
            filesChanged: { [self] in
                // What is wrong with the directory as a whole is for those who watch it.
                _ = try? refresh()
            })
    }

    /// The refiners of a job's endings, each once, and which of them each ending has, in the order in
    /// which they are made. Where one takes over does not tell them apart.
    private static func refiners(
        of job: GenerationJob, _ plan: GenerationPlan
    ) -> (distinct: [GenerationJob.Refiner], ofEndings: [Int?]) {
        let endings =
            job.branches.isEmpty
            ? [job.refiner] : plan.branches.map { job.branches[$0.index].refiner }
        var distinct: [GenerationJob.Refiner] = []
        let indices = endings.map { refiner -> Int? in
            guard var refiner else { return nil }
            refiner.start = .step(0)
            if let index = distinct.firstIndex(of: refiner) { return index }
            distinct.append(refiner)
            return distinct.count - 1
        }
        return (distinct, indices)
    }

    /// What the files must have beyond the networks.
    private func checkPictures(
        _ job: GenerationJob, _ first: Expert
    ) throws(GenerationError) {
        guard first.isRefiner || job.imageInput != nil else { return }
        guard first.encoder != nil, first.decoder != nil else {
            throw GenerationError(
                .failedPrecondition, code: "incompatibleParameters",
                "the file of \"\(job.vae ?? job.model)\" holds no whole VAE, which a picture to "
                    + "start from needs: take the file as published, or leave seedImage out",
                fields: ["seedImage", job.vae == nil ? "model" : "vae"])
        }
    }

    /// Where in the schedule the job begins, counted from 0.
    private func firstStep(_ job: GenerationJob) throws(GenerationError) -> Int {
        guard let strength = job.imageInput?.strength else { return 0 }
        let run = Schedule.stepsRun(of: job.steps, strength: strength)
        guard run > 0 else {
            throw GenerationError(
                .invalidArgument, code: "invalidStrength",
                "strength \(strength) runs none of \(job.steps) steps: take more than "
                    + "1 / \(job.steps) of them, or more steps; 0.2 to 0.8 are usual",
                fields: ["strength", "steps"])
        }
        return job.steps - run
    }

    /// The one that starts the picture, and whose VAE finishes it.
    private func firstExpert(_ job: GenerationJob) throws(GenerationError) -> Expert {
        let first = try expert(job.model, field: "model")
        guard let id = job.vae else { return first }
        guard let vae = current.withLock({ $0.vaes[id] }) else {
            throw GenerationError(
                .notFound, code: "modelNotFound", "there is no usable VAE \"\(id)\"",
                fields: ["vae"])
        }
        return first.with(vae)
    }

    func inversion(_ id: String) -> TextualInversion? {
        current.withLock { $0.inversions[id] }
    }

    func expert(_ id: String, field: String) throws(GenerationError) -> Expert {
        guard let expert = current.withLock({ $0.experts[id] }) else {
            throw GenerationError(
                .notFound, code: "modelNotFound", "there is no usable model \"\(id)\"",
                fields: [field])
        }
        return expert
    }

    private func resolveSchedule(
        _ job: GenerationJob
    ) throws(GenerationError) -> (SchedulerName, Schedule) {
        do {
            let name = try SchedulerName(job.scheduler)
            return (name, name.schedule(stepCount: job.steps))
        } catch {
            throw .invalid("scheduler", code: "invalidScheduler", "\(error)")
        }
    }

    /// Small models may have fewer layers than the range allows to leave out.
    private func checkClipSkip(_ job: GenerationJob) throws(GenerationError) {
        for (id, field) in [(job.model, "model"), (job.refiner?.model, "refiner.model")] {
            guard let id else { continue }
            let layers = try expert(id, field: field).textLayerCount
            guard job.clipSkip < layers else {
                throw GenerationError(
                    .invalidArgument, code: "invalidClipSkip",
                    "clipSkip is \(job.clipSkip), and a text encoder of \"\(id)\" has \(layers) "
                        + "layers: take at most \(layers - 1).",
                    fields: ["clipSkip", field])
            }
        }
    }

    private func checkEta(
        _ job: GenerationJob, _ algorithm: SamplerAlgorithm
    ) throws(GenerationError) {
        guard let eta = job.eta, !algorithm.takesEta else { return }
        let takers = SamplerAlgorithm.allCases.filter(\.takesEta).map(\.rawValue)
        throw GenerationError(
            .invalidArgument, code: "unsupportedParameter",
            "eta is \(eta), and \(algorithm.rawValue) takes none. Leave it out, or take "
                + "\(takers.joined(separator: " or ")).",
            fields: ["eta", "scheduler"])
    }

    private func resolveHandoff(
        _ start: GenerationJob.HandoffUnit, schedule: Schedule
    ) throws(GenerationError) -> Handoff {
        let point: HandoffPoint
        let field: String
        switch start {
        case .step(let step): (point, field) = (.step(step), "StartStep")
        case .percentage(let share): (point, field) = (.percentage(share), "StartStepPercentage")
        case .timestep(let timestep): (point, field) = (.timestep(timestep), "StartTimestep")
        case .sigma(let sigma): (point, field) = (.sigma(sigma), "StartSigma")
        }
        do {
            return try Handoff(point, schedule: schedule)
        } catch {
            throw .invalid(
                "refiner.s\(field.dropFirst())", code: "invalidRefiner\(field)", "\(error)")
        }
    }
}
