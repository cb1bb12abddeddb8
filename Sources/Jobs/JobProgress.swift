internal import Generation
internal import Metrics

/// What a running job has done so far, turned into the events that say so.
///
/// The encodings and decoding are told when they begin (`phaseStep` 0 of 1) and when they are done
/// (1 of 1), since they may take as long as many steps; a step is told when it is done.
struct JobProgress {
    private let job: GenerationJob
    private let plan: GenerationPlan
    /// The work that is left.
    private(set) var left: WorkEstimate
    private(set) var summary = Event.Summary()
    private var imageIndex = 0
    /// Finished steps of the current image.
    private var step = 0

    /// - Parameters:
    ///   - left: the work.
    ///   - resumption: what an earlier start of the server has done of it.
    init(
        _ job: GenerationJob, _ plan: GenerationPlan, left: WorkEstimate,
        from resumption: JobResumption? = nil
    ) {
        self.job = job
        self.plan = plan
        self.left = left
        guard let resumption else { return }
        summary = resumption.summary
        imageIndex = resumption.checkpoint.imageIndex
        step = resumption.checkpoint.step
        // An image that is begun anew has all its steps before it again.
        if step == 0 { summary.isCutShort = false }
    }

    /// Every image is made.
    private var isComplete: Bool { imageIndex == plan.imageCount || summary.isCutShort }

    /// How the image under way ends.
    private var ending: GenerationPlan.Branch { plan.ending(ofImage: imageIndex) }

    func work(_ phase: Phase) -> Work { left.work(phase, ofImage: imageIndex) }

    /// The phase's next unit is about to run; nil where that is not told.
    func begin(_ phase: Phase, elapsed: Double) -> Event.Content? {
        switch phase {
        case .textEncoding, .imageEncoding, .decoding:
            progress(phase, phaseStep: 0, phaseSteps: 1, seconds: 0, elapsed: elapsed)
        case .base, .refiner: nil
        }
    }

    mutating func textEncoded(seconds: Double, elapsed: Double) -> [Event.Content] {
        left.finish(.textEncoding, ofImage: imageIndex)
        summary.textEncodingSeconds += seconds
        return [
            progress(.textEncoding, phaseStep: 1, phaseSteps: 1, seconds: seconds, elapsed: elapsed)
        ]
    }

    mutating func imageEncoded(seconds: Double, elapsed: Double) -> [Event.Content] {
        left.finish(.imageEncoding, ofImage: imageIndex)
        summary.imageEncodingSeconds += seconds
        return [
            progress(
                .imageEncoding, phaseStep: 1, phaseSteps: 1, seconds: seconds, elapsed: elapsed)
        ]
    }

    /// The progress, and where the refiner takes over the handoff.
    mutating func stepped(
        _ report: StepReport, seconds: Double, elapsed: Double
    ) -> [Event.Content] {
        left.finish(report.phase, ofImage: imageIndex)
        step = report.step
        let isBase = report.phase == .base
        if isBase {
            summary.baseSteps += 1
            summary.baseSeconds += seconds
            summary.baseEvaluations += report.evaluations
            // Not of steps that are run again, for an image that is begun anew.
            if step > plan.sharedSteps(ofImage: imageIndex) {
                summary.sharedEvaluations += report.evaluations * branchesBehind
            }
        } else {
            summary.refinerSteps += 1
            summary.refinerSeconds += seconds
            summary.refinerEvaluations += report.evaluations
        }
        let progress = progress(
            report.phase, phaseStep: isBase ? step : step - ending.baseSteps,
            phaseSteps: isBase ? ending.baseSteps : ending.refinerSteps,
            timestep: report.timestep, sigma: report.sigma, seconds: seconds, elapsed: elapsed)
        guard let digest = report.handoffLatentsSHA256, let handedOff = handedOff(digest) else {
            return [progress]
        }
        return isBase ? [progress, handedOff] : [handedOff, progress]
    }

    /// Images that go on from the base step that the one under way has just run.
    private var branchesBehind: Int {
        plan.branches.isEmpty ? 0 : plan.branches.count - 1 - imageIndex % plan.branches.count
    }

    private func handedOff(_ digest: [UInt8]) -> Event.Content? {
        ending.handoff.map {
            .handedOff(
                Event.HandedOff(
                    imageIndex: imageIndex, handoff: $0, latentsSHA256: digest,
                    branch: plan.branch(ofImage: imageIndex)))
        }
    }

    mutating func decoded(seconds: Double, elapsed: Double) -> [Event.Content] {
        left.finish(.decoding, ofImage: imageIndex)
        summary.decodingSeconds += seconds
        return [
            progress(.decoding, phaseStep: 1, phaseSteps: 1, seconds: seconds, elapsed: elapsed)
        ]
    }

    /// Steps of the image under way, and the images after it, are left out.
    /// - Returns: the handoff, if the refiner takes over by this.
    mutating func skip(_ report: SkipReport) -> [Event.Content] {
        summary.isCutShort = true
        left.cut(stepsLeft: plan.stepCount - report.step, ofImage: imageIndex, plan)
        step = report.step
        return [report.handoffLatentsSHA256.flatMap(handedOff)].compactMap(\.self)
    }

    /// The job is to be paused where the run stands.
    var isAtPause: Bool { step == plan.pauseStep && !summary.isCutShort }

    /// The preview that ends the job as paused.
    mutating func preview(
        _ image: DecodedImage, png: [UInt8], seconds: Double, elapsed: Double
    ) -> Event.Image {
        summary.decodingSeconds += seconds
        summary.totalSeconds = elapsed
        return Event.Image(
            png: png, size: image.size, seed: image.seed, sha256: SHA256.digest(of: png),
            imageIndex: imageIndex, imageCount: plan.imageCount, pausedStep: step,
            summary: summary)
    }

    /// The picture itself; with the summary when it is the last.
    mutating func image(
        _ image: DecodedImage, png: [UInt8], elapsed: Double
    ) -> Event.Image {
        let index = imageIndex
        imageIndex += 1
        step = plan.sharedSteps(ofImage: imageIndex)
        summary.totalSeconds = elapsed
        return Event.Image(
            png: png, size: image.size, seed: image.seed, sha256: SHA256.digest(of: png),
            imageIndex: index, imageCount: plan.imageCount, branch: plan.branch(ofImage: index),
            summary: isComplete ? summary : nil)
    }

    /// Without the time until it is done, which depends on other jobs too.
    private func progress(
        _ phase: Phase, phaseStep: Int, phaseSteps: Int, timestep: Double = 0, sigma: Double = 0,
        seconds: Double, elapsed: Double
    ) -> Event.Content {
        .progress(
            Event.Progress(
                phase: phase, step: step, steps: plan.stepCount,
                phaseStep: phaseStep, phaseSteps: phaseSteps, timestep: timestep, sigma: sigma,
                stepSeconds: seconds, elapsedSeconds: elapsed, etaSeconds: nil,
                imageIndex: imageIndex, imageCount: plan.imageCount,
                branch: plan.branch(ofImage: imageIndex),
                jobStep: plan.workedSteps(beforeImage: imageIndex, step: step),
                jobSteps: plan.workedSteps))
    }
}
