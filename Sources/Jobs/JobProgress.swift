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
    }

    /// Every image is made.
    private var isComplete: Bool { imageIndex == plan.seeds.count || isCutShort }
    private var isCutShort = false

    func work(_ phase: Phase) -> Work { left.work(phase) }

    /// The phase's next unit is about to run; nil where that is not told.
    func begin(_ phase: Phase, elapsed: Double) -> Event.Content? {
        switch phase {
        case .textEncoding, .imageEncoding, .decoding:
            progress(phase, phaseStep: 0, phaseSteps: 1, seconds: 0, elapsed: elapsed)
        case .base, .refiner: nil
        }
    }

    mutating func textEncoded(seconds: Double, elapsed: Double) -> [Event.Content] {
        left.finish(.textEncoding)
        summary.textEncodingSeconds += seconds
        return [
            progress(.textEncoding, phaseStep: 1, phaseSteps: 1, seconds: seconds, elapsed: elapsed)
        ]
    }

    mutating func imageEncoded(seconds: Double, elapsed: Double) -> [Event.Content] {
        left.finish(.imageEncoding)
        summary.imageEncodingSeconds += seconds
        return [
            progress(
                .imageEncoding, phaseStep: 1, phaseSteps: 1, seconds: seconds, elapsed: elapsed)
        ]
    }

    /// The progress, and after the last of the base's steps the handoff.
    mutating func stepped(
        _ report: StepReport, seconds: Double, elapsed: Double
    ) -> [Event.Content] {
        left.finish(report.phase)
        step = report.step
        let isBase = report.phase == .base
        if isBase {
            summary.baseSteps += 1
            summary.baseSeconds += seconds
        } else {
            summary.refinerSteps += 1
            summary.refinerSeconds += seconds
        }
        var contents = [
            progress(
                report.phase, phaseStep: isBase ? step : step - plan.baseSteps,
                phaseSteps: isBase ? plan.baseSteps : plan.refinerSteps,
                timestep: report.timestep, sigma: report.sigma, seconds: seconds, elapsed: elapsed)
        ]
        if isBase, step == plan.baseSteps, let handoff = plan.handoff {
            contents.append(
                .handedOff(
                    Event.HandedOff(
                        imageIndex: imageIndex, handoff: handoff,
                        latentsSHA256: report.handoffLatentsSHA256 ?? [])))
        }
        return contents
    }

    mutating func decoded(seconds: Double, elapsed: Double) -> [Event.Content] {
        left.finish(.decoding)
        summary.decodingSeconds += seconds
        return [
            progress(.decoding, phaseStep: 1, phaseSteps: 1, seconds: seconds, elapsed: elapsed)
        ]
    }

    /// Steps of the image under way, and the images after it, are left out.
    /// - Returns: the handoff, if the refiner takes over by this.
    mutating func skip(_ report: SkipReport) -> [Event.Content] {
        isCutShort = true
        summary.isCutShort = true
        let stepsLeft = plan.baseSteps + plan.refinerSteps - report.step
        left.cut(stepsLeft: stepsLeft, of: plan)
        step = report.step
        guard let digest = report.handoffLatentsSHA256, let handoff = plan.handoff else {
            return []
        }
        return [
            .handedOff(
                Event.HandedOff(imageIndex: imageIndex, handoff: handoff, latentsSHA256: digest))
        ]
    }

    /// The picture itself; with the summary when it is the last.
    mutating func image(
        _ image: DecodedImage, png: [UInt8], elapsed: Double
    ) -> Event.Image {
        let index = imageIndex
        imageIndex += 1
        step = 0
        summary.totalSeconds = elapsed
        return Event.Image(
            png: png, size: image.size, seed: image.seed, sha256: SHA256.digest(of: png),
            imageIndex: index, imageCount: plan.seeds.count, summary: isComplete ? summary : nil)
    }

    /// Without the time until it is done, which depends on other jobs too.
    private func progress(
        _ phase: Phase, phaseStep: Int, phaseSteps: Int, timestep: Double = 0, sigma: Double = 0,
        seconds: Double, elapsed: Double
    ) -> Event.Content {
        .progress(
            Event.Progress(
                phase: phase, step: step, steps: plan.baseSteps + plan.refinerSteps,
                phaseStep: phaseStep, phaseSteps: phaseSteps, timestep: timestep, sigma: sigma,
                stepSeconds: seconds, elapsedSeconds: elapsed, etaSeconds: nil,
                imageIndex: imageIndex, imageCount: plan.seeds.count))
    }
}
