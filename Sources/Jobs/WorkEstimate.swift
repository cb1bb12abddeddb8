internal import Generation
internal import Metrics

/// The work that is left of a job, and what it will cost.
struct WorkEstimate {
    private(set) var textEncodings = 1
    private(set) var imageEncodings: Int
    private(set) var baseSteps: Int
    /// Of each ending of the plan, over all seeds.
    private(set) var refinerSteps: [Int]
    private(set) var decodings: Int

    private let textEncoding: Work
    private let imageEncoding: Work
    private let baseStep: Work
    /// Of each ending.
    private let refinerStep: [Work]
    private let decoding: Work

    init(_ job: GenerationJob, _ plan: GenerationPlan, _ needs: JobNeeds) {
        let endings = (0..<max(plan.branches.count, 1)).map { plan.ending(ofImage: $0) }
        // The last ending's are all of them, but for those that another job has run.
        let earlier = Self.split(plan.resumes?.step ?? 0, endings[0])
        baseSteps = (endings.last?.baseSteps ?? 0) * plan.seeds.count - earlier.base
        refinerSteps = endings.map { $0.refinerSteps * plan.seeds.count }
        refinerSteps[0] -= earlier.refiner
        decodings = plan.imageCount
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
        let passes = endings.map { job.ending(branch: $0.index).passes(of: .refiner) }
        let most = Double(passes.max() ?? 1)
        refinerStep = zip(endings, passes).map { ending, passes in
            work(
                .refinerStep, ending.refinerModel ?? plan.model, plan.size, isGuided: passes > 1,
                needs.operations.refinerStep * Double(passes) / most)
        }
        decoding = work(.decoding, plan.model, plan.size, needs.operations.decoding)
    }

    /// What the phase's next unit of an image is, for the record of costs.
    func work(_ phase: Phase, ofImage image: Int = 0) -> Work {
        switch phase {
        case .textEncoding: textEncoding
        case .imageEncoding: imageEncoding
        case .base: baseStep
        case .refiner: refinerStep[image % refinerStep.count]
        case .decoding: decoding
        }
    }

    /// One unit of the phase is done, of an image.
    mutating func finish(_ phase: Phase, ofImage image: Int = 0) {
        switch phase {
        case .textEncoding: textEncodings -= 1
        case .imageEncoding: imageEncodings -= 1
        case .base: baseSteps -= 1
        case .refiner: refinerSteps[image % refinerSteps.count] -= 1
        case .decoding: decodings -= 1
        }
    }

    /// Only the last so many steps of an image are left, and its decoding.
    mutating func cut(stepsLeft: Int, ofImage image: Int, _ plan: GenerationPlan) {
        let refined = min(stepsLeft, plan.ending(ofImage: image).refinerSteps)
        for index in refinerSteps.indices { refinerSteps[index] = 0 }
        refinerSteps[image % refinerSteps.count] = refined
        baseSteps = stepsLeft - refined
        decodings = 1
    }

    /// Whole images, and the first so many steps of the next one, are done.
    mutating func finish(images: Int, steps: Int, of plan: GenerationPlan) {
        for image in 0..<images { finish(steps: plan.stepCount, ofImage: image, plan) }
        if images < plan.imageCount { finish(steps: steps, ofImage: images, plan) }
        decodings -= images
    }

    private mutating func finish(steps: Int, ofImage image: Int, _ plan: GenerationPlan) {
        let ending = plan.ending(ofImage: image)
        let done = Self.split(steps, ending)
        // One that is begun anew, before the steps that it shares, has them to run again.
        let shared = Self.split(plan.sharedSteps(ofImage: image), ending)
        baseSteps -= done.base - shared.base
        refinerSteps[image % refinerSteps.count] -= done.refiner - shared.refiner
    }

    /// The first so many steps of an image, by expert.
    private static func split(
        _ steps: Int, _ ending: GenerationPlan.Branch
    ) -> (base: Int, refiner: Int) {
        let base = min(steps, ending.baseSteps)
        return (base, steps - base)
    }

    /// Seconds of what is left; nil until either kind of step has been measured with this model, at this
    /// or another size. What has not been measured is put in proportion, by its operations, to what has.
    func seconds(costs: WorkCosts) -> Double? {
        func rate(_ work: Work) -> Double? { costs.estimate(work).map { $0 / work.operations } }
        guard let rate = rate(baseStep) ?? refinerStep.lazy.compactMap(rate).first else {
            return nil
        }
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
            + Double(baseSteps) * cost(baseStep)
            + zip(refinerStep, refinerSteps).reduce(0) { $0 + cost($1.0) * Double($1.1) }
            + Double(decodings) * cost(decoding)
    }
}
