internal import Generation
internal import Metrics

/// The work that is left of a job, and what it will cost.
struct WorkEstimate {
    private(set) var textEncodings = 1
    private(set) var imageEncodings: Int
    private(set) var baseSteps: Int
    private(set) var refinerSteps: Int
    private(set) var decodings: Int

    private let textEncoding: Work
    private let imageEncoding: Work
    private let baseStep: Work
    private let refinerStep: Work
    private let decoding: Work

    init(_ job: GenerationJob, _ plan: GenerationPlan) {
        let imageCount = plan.seeds.count
        baseSteps = plan.baseSteps * imageCount
        refinerSteps = plan.refinerSteps * imageCount
        decodings = imageCount
        imageEncodings = job.imageInput == nil ? 0 : 1
        let refinerScale = job.refiner?.cfgScale ?? job.cfgScale
        func work(_ kind: Work.Kind, _ model: String, _ size: ImageSize, _ scale: Double) -> Work {
            Work(
                kind: kind, model: model, width: size.width, height: size.height,
                isGuided: scale > 1)
        }
        // A text costs the same whatever the picture's size; the VAE knows no guidance.
        textEncoding = work(.textEncoding, plan.model, ImageSize(height: 0, width: 0), 0)
        imageEncoding = work(.imageEncoding, plan.model, plan.size, 0)
        baseStep = work(.baseStep, plan.model, plan.size, job.cfgScale)
        refinerStep = work(
            .refinerStep, plan.refinerModel ?? plan.model, plan.size, refinerScale)
        decoding = work(.decoding, plan.model, plan.size, 0)
    }

    /// What the phase's next unit is, for the record of costs.
    func work(_ phase: Phase) -> Work {
        switch phase {
        case .textEncoding: textEncoding
        case .imageEncoding: imageEncoding
        case .base: baseStep
        case .refiner: refinerStep
        case .decoding: decoding
        }
    }

    /// One unit of the phase is done.
    mutating func finish(_ phase: Phase) {
        switch phase {
        case .textEncoding: textEncodings -= 1
        case .imageEncoding: imageEncodings -= 1
        case .base: baseSteps -= 1
        case .refiner: refinerSteps -= 1
        case .decoding: decodings -= 1
        }
    }

    /// Only so many steps of one image are left, and its decoding.
    mutating func cut(stepsLeft: Int, of plan: GenerationPlan) {
        refinerSteps = min(stepsLeft, plan.refinerSteps)
        baseSteps = stepsLeft - refinerSteps
        decodings = 1
    }

    /// Whole images, and steps of the next one, are done.
    mutating func finish(images: Int, steps: Int, of plan: GenerationPlan) {
        let baseDone = min(steps, plan.baseSteps)
        baseSteps -= images * plan.baseSteps + baseDone
        refinerSteps -= images * plan.refinerSteps + steps - baseDone
        decodings -= images
    }

    /// Seconds of what is left; nil until either kind of step has been measured with this model and
    /// size. What has not been measured is put in proportion to what has.
    func seconds(costs: WorkCosts) -> Double? {
        // Per pass through the network, in passes of the base's.
        let basePass = costs.seconds(baseStep).map { $0 / passes(baseStep) }
        let refinerPass = costs.seconds(refinerStep).map { $0 / passes(refinerStep) }
        guard let pass = basePass ?? refinerPass.map({ $0 / Self.refinerPassRatio }) else {
            return nil
        }
        let refinerStepSeconds =
            (refinerPass ?? pass * Self.refinerPassRatio) * passes(refinerStep)
        let decodingSeconds = costs.seconds(decoding) ?? pass * Self.decodingRatio
        let encodingSeconds = costs.seconds(imageEncoding) ?? pass * Self.encodingRatio
        // Small beside any step: nothing until measured.
        let textSeconds = costs.seconds(textEncoding) ?? 0
        return Double(textEncodings) * textSeconds
            + Double(imageEncodings) * encodingSeconds
            + Double(baseSteps) * pass * passes(baseStep)
            + Double(refinerSteps) * refinerStepSeconds
            + Double(decodings) * decodingSeconds
    }

    private func passes(_ step: Work) -> Double { step.isGuided ? 2 : 1 }

    /// Multiplications against one pass of SDXL's base UNet, the mean of 512 x 512 (1.589 TFLOP: 1.619
    /// for the refiner, 2.51 for the decoder, 1.12 for the encoder) and 1024 x 1024 (6.761: 7.286, 10.5
    /// and 4.89).
    private static let refinerPassRatio = 1.05
    private static let decodingRatio = 1.57
    private static let encodingRatio = 0.71
}
