internal import Generation

/// A paused job as its store has it, for others to go on from.
struct PausedJob {
    private let stored: StoredJob
    private let checkpoint: GenerationCheckpoint
    /// That it starts from.
    let files: [StoredPicture]
    private let pictures: PictureStore

    /// - Parameter pictures: where its files are put.
    /// - Throws: NOT_FOUND, DATA_LOSS, RESOURCE_EXHAUSTED.
    init(_ id: JobID, in store: any JobStore, pictures: PictureStore) throws(GenerationError) {
        let history: StoredHistory?
        do throws(JobStoreError) {
            history = try store.history(of: id)
            files = try store.pictures(of: id)
        } catch {
            throw .notRead(error)
        }
        guard let job = history?.job else { throw .jobNotFound(id) }
        guard let checkpoint = job.checkpoint?.generation else {
            throw .damaged("where it stood when it was paused cannot be read")
        }
        stored = job
        self.checkpoint = checkpoint
        self.pictures = pictures
        for file in files where pictures.picture(named: file.name, of: id.tenant) == nil {
            _ = try pictures.add(file.file, of: id.tenant)
        }
    }

    /// The same for two that ask for the same under the same name.
    static func digest(of asked: ResumeRequest) -> [UInt8] {
        SHA256.digest(of: Array(asked.json.text.utf8))
    }

    /// A job that goes on from this one.
    ///
    /// - Throws: see ``JobScheduler/resume(_:client:reply:)``.
    func resumed(
        by asked: ResumeRequest, generator: any ImageGenerator, limits: GenerationLimits
    ) throws(GenerationError) -> ResumedJob {
        func resolve(
            _ request: GenerationRequest
        ) throws(GenerationError) -> (GenerationJob, GenerationPlan) {
            let job = try GenerationJob(
                request, models: generator.models, limits: limits,
                pictures: { pictures.picture(named: $0, of: stored.id.tenant) })
            return (job, try generator.resolve(job))
        }
        let (old, oldPlan) = try resolve(stored.request)
        guard oldPlan.fingerprint == stored.plan.fingerprint else {
            throw GenerationError(
                .failedPrecondition, code: "modelChanged",
                "The job was paused by another build or with other model files, and cannot be gone on "
                    + "with. Send its request again.")
        }
        let (job, plan) = try resolve(asked.request(resuming: stored.request))
        let ticket = GenerationPlan.Ticket(jobID: stored.id.name, step: checkpoint.step)
        let resumed = try plan.resuming(
            ticket, paused: oldPlan,
            isSameRefiner: job.refiner?.withoutStart == old.refiner?.withoutStart)
        return ResumedJob(
            job: job, tenant: stored.id.tenant, plan: resumed,
            needs: generator.needs(job, plan: resumed), checkpoint: checkpoint,
            digest: Self.digest(of: asked))
    }
}

/// A job that goes on from a paused one, checked.
struct ResumedJob {
    let job: GenerationJob
    let tenant: String
    let plan: GenerationPlan
    let needs: JobNeeds
    let checkpoint: GenerationCheckpoint
    let digest: [UInt8]

    func scheduled(client: UInt64, attempt: Int, clock: JobClock) -> ScheduledJob {
        let scheduled = ScheduledJob(
            job, of: tenant, plan: plan, needs: needs, digest: digest, client: client,
            createdMilliseconds: clock.wallMilliseconds(), attempt: attempt,
            deadline: job.deadline.map { clock.now() + $0 }, queuedAt: clock.now())
        let id = (plan.resumes?.jobID ?? "").debugDescription
        scheduled.resumption = JobResumption(
            checkpoint: checkpoint, summary: Event.Summary(),
            reason: "The job goes on from the paused \(id), after step \(checkpoint.step).")
        return scheduled
    }
}

extension GenerationJob.Refiner {
    /// Where it takes over is the plan's to say, whatever the unit.
    fileprivate var withoutStart: Self {
        var refiner = self
        refiner.start = .step(0)
        return refiner
    }
}
