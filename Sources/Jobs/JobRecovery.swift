internal import Generation
internal import Metrics

/// What becomes of the jobs in a store when the server starts.
///
/// A job goes on from its checkpoint when the same build and model files compute it as before, and gives
/// the same bytes; otherwise the image under way is begun anew, by a new plan, and its watchers are told
/// why. Finished images stay. What cannot be read any more is DATA_LOSS for that job alone.
struct JobRecovery {
    let generator: any ImageGenerator
    let pictures: PictureStore
    let configuration: JobScheduler.Configuration
    let clock: JobClock
    private var changes: [JobChange] = []
    private var notices: [String] = []
    /// Those that jobs start from, by name.
    private var files: [String: [UInt8]] = [:]

    init(
        generator: any ImageGenerator, pictures: PictureStore,
        configuration: JobScheduler.Configuration, clock: JobClock
    ) {
        self.generator = generator
        self.pictures = pictures
        self.configuration = configuration
        self.clock = clock
    }

    /// - Returns: sentences for the log.
    /// - Throws: when nothing can be read.
    mutating func recover(
        _ store: any JobStore, into table: inout JobTable
    ) throws(JobStoreError) -> [String] {
        let contents = try store.contents()
        notices = contents.notices
        files = Dictionary(
            contents.pictures.map { ($0.name, $0.file) }, uniquingKeysWith: { first, _ in first })
        for job in contents.ended {
            table.ended.add(job)
            if job.description.state == .paused {
                table.metrics.pausedJobFound(of: job.id.tenant)
            }
        }
        for job in contents.unfinished { recover(job, into: &table) }
        for (id, problem) in contents.damaged { lose(id, problem, in: &table) }
        do throws(JobStoreError) {
            if !changes.isEmpty { try store.apply(changes) }
        } catch {
            notices.append("the store cannot be written: \(error)")
        }
        return notices
    }

    private mutating func recover(_ stored: StoredJob, into table: inout JobTable) {
        table.metrics.jobAccepted(of: stored.id.tenant)
        var stored = stored
        stored.attempt += 1
        if stored.isRunning { stored.crashes += 1 }
        do throws(GenerationError) {
            if stored.cancelOutcome == .discard { throw .jobCancelled }
            if stored.crashes > configuration.crashMaximum { throw .crashedTooOften }
            let tenant = stored.id.tenant
            for name in [stored.request.seedImage, stored.request.maskImage] {
                // One that is damaged is missed by the job that needs it.
                if let name, let file = files[name] { _ = try? pictures.add(file, of: tenant) }
            }
            let job = try GenerationJob(
                stored.request, models: generator.models, limits: configuration.limits,
                pictures: { pictures.picture(named: $0, of: tenant) })
            let plan = try generator.resolve(job)
            let needs = generator.needs(job, plan: plan)
            try table.budget.check(needs, plan)
            let isSame = plan.fingerprint == stored.plan.fingerprint
            let scheduled = ScheduledJob(
                job, of: tenant, plan: isSame ? stored.plan : plan, needs: needs,
                digest: stored.digest,
                client: 0, createdMilliseconds: stored.createdMilliseconds,
                attempt: stored.attempt, deadline: stored.remaining.map { clock.now() + $0 },
                queuedAt: clock.now() - age(of: stored))
            scheduled.cut = SkipTarget(stored.cancelOutcome)
            changes.append(
                .restarted(
                    id: stored.id, attempt: stored.attempt, crashes: stored.crashes,
                    plan: isSame ? nil : plan))
            resume(scheduled, stored, isSame: isSame, in: &table)
        } catch {
            if error.status != .cancelled {
                notices.append("job \(stored.id.debugDescription) cannot go on: \(error)")
            }
            end(stored, error, in: &table)
        }
    }

    private mutating func resume(
        _ job: ScheduledJob, _ stored: StoredJob, isSame: Bool, in table: inout JobTable
    ) {
        job.feed.keep(stored)
        job.byteCount = stored.images.reduce(0) { $0 + $1.byteCount }
        var checkpoint = GenerationCheckpoint(
            imageIndex: stored.images.count, step: 0, state: [])
        if isSame, let last = stored.checkpoint,
            last.fingerprint == job.plan.fingerprint,
            last.generation.imageIndex == stored.images.count
        {
            checkpoint = last.generation
        }
        let place = "step \(checkpoint.step) of image \(checkpoint.imageIndex + 1)"
        let reason =
            isSame
            ? "The server was started again; the job goes on from \(place)."
            : "The server was started again, with another build or other model files than before, so "
                + "image \(checkpoint.imageIndex + 1) is begun anew."
        job.resumption = JobResumption(
            checkpoint: checkpoint, summary: stored.summary, reason: reason)
        notices.append("job \(job.id.debugDescription): \(reason)")
        if !isSame { table.post(.accepted(job.plan), to: job) }
        table.post(
            .resumed(
                Event.Resumed(
                    imageIndex: checkpoint.imageIndex, step: checkpoint.step, reason: reason)),
            to: job)
        table.enqueue(job)
    }

    /// By the wall clock, which may have been changed: then it has not waited.
    private func age(of job: StoredJob) -> Duration {
        .milliseconds(max(0, clock.wallMilliseconds() - job.createdMilliseconds))
    }

    private mutating func lose(_ id: JobID, _ problem: String, in table: inout JobTable) {
        table.metrics.jobAccepted(of: id.tenant)
        notices.append("job \(id.debugDescription) is lost: \(problem)")
        let plan = GenerationPlan(
            model: "", refinerModel: nil, size: ImageSize(height: 0, width: 0), seeds: [],
            scheduler: "", spacing: "", timesteps: [], sigmas: [], baseSteps: 0, refinerSteps: 0,
            handoff: nil, advice: [])
        let stored = StoredJob(
            id: id, digest: [], request: GenerationRequest(), plan: plan,
            createdMilliseconds: clock.wallMilliseconds(), remaining: nil, attempt: 0,
            acceptedSequence: 0)
        end(stored, .damaged(problem), in: &table)
    }

    private mutating func end(
        _ stored: StoredJob, _ error: GenerationError, in table: inout JobTable
    ) {
        let now = clock.wallMilliseconds()
        changes.append(.ended(id: stored.id, StoredEnding(error: error, milliseconds: now)))
        table.metrics.jobEnded(
            error.status == .cancelled ? .cancelled : .failed, from: .queued,
            of: stored.id.tenant)
        var description = JobDescription(
            id: stored.id.name, state: JobState(ending: error), plan: stored.plan,
            createdMilliseconds: stored.createdMilliseconds,
            sequence: JobFeed.firstSequence(of: stored.attempt))
        description.error = error
        description.endedMilliseconds = now
        table.ended.add(
            EndedJob(
                id: stored.id, description: description, digest: stored.digest,
                attempt: stored.attempt,
                byteCount: stored.images.reduce(0) { $0 + $1.byteCount }))
    }
}

extension SkipTarget {
    /// Nil where nothing is to be cut short.
    init?(_ outcome: CancelOutcome?) {
        switch outcome {
        case .decodeNow: self = .decoding
        case .skipToRefiner: self = .refiner
        case .discard, nil: return nil
        }
    }
}
