internal import Generation
internal import Metrics
internal import PNGEncoding

/// What a lane does with a job: one unit of work at a time, from the first to the end.
struct JobWorker {
    let generator: any ImageGenerator
    let metrics: ServerMetrics
    let clock: JobClock
    let checkpointInterval: Duration
    /// Whether jobs outlive the process, so that checkpoints are worth writing.
    let isDurable: Bool
    /// Takes previews to be drawn.
    var offer: (PreviewOrder) -> Void = { _ in }
    /// Changes the table of jobs, and sees to what comes of it.
    let change: ((inout JobTable) -> Void) -> Void

    /// - Throws: what the job ends with.
    func advance(_ job: ScheduledJob) throws(GenerationError) {
        try checkGoesOn(job)
        do throws(GenerationError) {
            if job.activity == nil { job.activity = try begin(job) }
            job.lastExpert = job.activity?.run.nextPhase.flatMap(job.plan.expert)
            try runUnit(of: job)
        } catch {
            guard error.code == GenerationError.damagedCheckpoint("").code else { throw error }
            try beginImageAnew(job, error)
        }
    }

    private func begin(_ job: ScheduledJob) throws(GenerationError) -> JobActivity {
        let resumption = job.resumption
        let run = try generator.makeRun(
            job.job, plan: job.plan, from: resumption?.checkpoint)
        let earlier = Duration.seconds(resumption?.summary.totalSeconds ?? 0)
        return JobActivity(
            run: run,
            progress: JobProgress(job.job, job.plan, left: job.whole, from: resumption),
            began: clock.now() - earlier, checkpointed: clock.now())
    }

    /// Policy for a checkpoint that cannot be gone on from: the image under way is begun anew, those that
    /// are finished stay.
    private func beginImageAnew(
        _ job: ScheduledJob, _ error: GenerationError
    ) throws(GenerationError) {
        guard var resumption = job.resumption, resumption.checkpoint.step > 0 else { throw error }
        resumption.checkpoint.step = 0
        resumption.checkpoint.state = []
        job.activity = nil
        let resumed = Event.Resumed(
            imageIndex: resumption.checkpoint.imageIndex, step: 0, reason: error.message)
        change { table in
            job.resumption = resumption
            table.post(.resumed(resumed), to: job)
        }
    }

    private func runUnit(of job: ScheduledJob) throws(GenerationError) {
        guard var activity = job.activity else { preconditionFailure("a running job has a run") }
        // So that the progress is not copied as it changes.
        job.activity = nil
        defer { job.activity = activity }
        func tell(_ contents: [Event.Content]) {
            let left = activity.progress.left
            change { $0.report(contents, left: left, of: job) }
        }
        var elapsed: Double { (clock.now() - activity.began).inSeconds }

        if let target = cut(of: job), target != activity.cut,
            let report = activity.run.skip(to: target)
        {
            activity.cut = target
            tell(activity.progress.skip(report))
        }
        guard let phase = activity.run.nextPhase else { throw Self.endedEarly }
        if activity.progress.isAtPause, phase == .base || phase == .refiner {
            return try pause(&activity, before: phase, of: job)
        }
        if let beginning = activity.progress.begin(phase, elapsed: elapsed) { tell([beginning]) }
        let start = clock.now()
        let update = try activity.run.advance()
        // A picture is decoded once it is a file: what is told after that is all there is to wait for.
        let png =
            if case .image(let image) = update { try encode(image, of: job) } else { [UInt8]() }
        let seconds = (clock.now() - start).inSeconds
        record(activity.progress.work(phase), phase, seconds: seconds, of: job)
        switch update {
        case .textEncoded:
            tell(activity.progress.textEncoded(seconds: seconds, elapsed: elapsed))
        case .imageEncoded:
            tell(activity.progress.imageEncoded(seconds: seconds, elapsed: elapsed))
        case .step(let report):
            tell(activity.progress.stepped(report, seconds: seconds, elapsed: elapsed))
            save(&activity, of: job, always: report.handoffLatentsSHA256 != nil)
            offerPreview(activity.run, after: report, of: job)
        case .image(let image):
            tell(activity.progress.decoded(seconds: seconds, elapsed: elapsed))
            let made = activity.progress.image(image, png: png, elapsed: elapsed)
            // A branch goes on from where the base stands: that may not be lost with the image before.
            let next =
                isDurable ? activity.run.checkpoint().flatMap { $0.step > 0 ? $0 : nil } : nil
            let phase = activity.run.nextPhase ?? .decoding
            change { table in
                table.finish(
                    made, summary: activity.progress.summary,
                    next: next.map { table.stored($0, phase, activity.progress.summary, of: job) },
                    of: job)
            }
        }
    }

    private func offerPreview(
        _ run: any GenerationRun, after report: StepReport, of job: ScheduledJob
    ) {
        guard let previews = job.job.previews, report.step % previews.interval == 0 else { return }
        var isShortOfMemory = false
        change { isShortOfMemory = $0.isShortOfMemory }
        guard !isShortOfMemory, let draw = run.sketch() else { return }
        offer(
            PreviewOrder(
                job: job, imageIndex: report.imageIndex, step: report.step, draw: draw))
    }

    /// Ends the job with a preview of its picture, and keeps where it stands for others.
    private func pause(
        _ activity: inout JobActivity, before phase: Phase, of job: ScheduledJob
    ) throws(GenerationError) {
        guard let checkpoint = activity.run.checkpoint() else {
            preconditionFailure("a job is paused between two steps")
        }
        let start = clock.now()
        let preview = try activity.run.preview()
        let png = try encode(preview, of: job)
        let seconds = (clock.now() - start).inSeconds
        metrics.workDone(
            activity.progress.work(.decoding), seconds: seconds, of: job.id.tenant)
        let made = activity.progress.preview(
            preview, png: png, seconds: seconds,
            elapsed: (clock.now() - activity.began).inSeconds)
        let summary = activity.progress.summary
        change { table in
            table.pause(
                made, summary: summary, next: table.stored(checkpoint, phase, summary, of: job),
                of: job)
        }
    }

    /// What a step takes longer than others like it, right after one of another expert, is what the switch
    /// costs: nothing while both experts' weights stay in memory.
    private func record(_ work: Work, _ phase: Phase, seconds: Double, of job: ScheduledJob) {
        if phase.isStep {
            var before: String?
            change { before = $0.turns.expert }
            if let before, before != work.model, let usual = metrics.costs.seconds(work) {
                metrics.costs.record(.expertSwitch, seconds: max(0, seconds - usual))
            }
        }
        metrics.workDone(work, seconds: seconds, of: job.id.tenant)
    }

    /// Gives the store a checkpoint if it is time for one; a lane does not wait for it.
    private func save(_ activity: inout JobActivity, of job: ScheduledJob, always: Bool) {
        let now = clock.now()
        let isDue =
            always || now - activity.checkpointed >= checkpointInterval
        guard isDue, isDurable, let checkpoint = activity.run.checkpoint() else { return }
        activity.checkpointed = now
        var summary = activity.progress.summary
        summary.totalSeconds = (now - activity.began).inSeconds
        let phase = activity.run.nextPhase ?? .decoding
        change { table in
            let stored = table.stored(checkpoint, phase, summary, of: job)
            table.write(.checkpoint(id: job.id, stored))
        }
    }

    private func cut(of job: ScheduledJob) -> SkipTarget? {
        var cut: SkipTarget?
        change { _ in cut = job.cut }
        return cut
    }

    private func checkGoesOn(_ job: ScheduledJob) throws(GenerationError) {
        var interruption: GenerationError?
        change { _ in interruption = job.interruption }
        if let interruption { throw interruption }
        if let deadline = job.deadline, deadline <= clock.now() { throw .deadlineExceeded }
    }

    private func encode(
        _ image: DecodedImage, of job: ScheduledJob
    ) throws(GenerationError) -> [UInt8] {
        do throws(PNGEncodingError) {
            return try PNGEncoder().encode(
                image,
                texts: PictureTexts.texts(
                    job.plan.branch(ofImage: image.imageIndex).map(job.job.separate) ?? job.job,
                    job.plan.separate(ofImage: image.imageIndex), image))
        } catch {
            throw GenerationError(
                error == .outOfMemory ? .resourceExhausted : .internal, code: "inferenceError",
                "Picture \(image.imageIndex + 1) could not be written: \(error).",
                retryable: error == .outOfMemory)
        }
    }

    private static let endedEarly = GenerationError(
        .internal, code: "inferenceError",
        "The computation ended before all pictures were made. This is an error of the server.")
}
