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

    init(_ job: GenerationJob, _ plan: GenerationPlan, _ needs: JobNeeds) {
        let imageCount = plan.seeds.count
        baseSteps = plan.baseSteps * imageCount
        refinerSteps = plan.refinerSteps * imageCount
        decodings = imageCount
        imageEncodings = job.imageInput == nil ? 0 : 1
        func work(
            _ kind: Work.Kind, _ model: String, _ size: ImageSize, isGuided: Bool = false,
            _ operations: Double
        ) -> Work {
            Work(
                kind: kind, model: model, width: size.width, height: size.height,
                isGuided: isGuided, operations: operations)
        }
        // A text costs the same whatever the picture's size; the VAE knows no guidance.
        textEncoding = work(
            .textEncoding, plan.model, ImageSize(height: 0, width: 0),
            needs.operations.textEncoding)
        imageEncoding = work(
            .imageEncoding, plan.model, plan.size, needs.operations.imageEncoding)
        baseStep = work(
            .baseStep, plan.model, plan.size, isGuided: job.passes(of: .base) > 1,
            needs.operations.baseStep)
        refinerStep = work(
            .refinerStep, plan.refinerModel ?? plan.model, plan.size,
            isGuided: job.passes(of: .refiner) > 1, needs.operations.refinerStep)
        decoding = work(.decoding, plan.model, plan.size, needs.operations.decoding)
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

    /// Seconds of what is left; nil until either kind of step has been measured with this model, at this
    /// or another size. What has not been measured is put in proportion, by its operations, to what has.
    func seconds(costs: WorkCosts) -> Double? {
        let base = costs.estimate(baseStep)
        let refiner = costs.estimate(refinerStep)
        guard
            let rate = base.map({ $0 / baseStep.operations })
                ?? refiner.map({ $0 / refinerStep.operations })
        else { return nil }
        func cost(_ work: Work) -> Double { costs.estimate(work) ?? rate * work.operations }
        return sum(cost)
    }

    /// What is left, in seconds, for comparing jobs that have never been measured too.
    func weight(costs: WorkCosts) -> Double {
        seconds(costs: costs) ?? sum { $0.operations * Self.assumedSecondsPerOperation }
    }

    /// About that of two cores; jobs of one model, as most are, compare alike whatever it is.
    private static let assumedSecondsPerOperation = 5e-12

    private func sum(_ cost: (Work) -> Double) -> Double {
        Double(textEncodings) * cost(textEncoding) + Double(imageEncodings) * cost(imageEncoding)
            + Double(baseSteps) * cost(baseStep) + Double(refinerSteps) * cost(refinerStep)
            + Double(decodings) * cost(decoding)
    }
}
