import Foundation
import Generation
import TestSupport
import Testing

@testable import Diffusion
@testable import SDXL
@testable import Tensors
@testable import Weights

/// Whole generations against diffusers: every tensor that the case records, step by step.
struct ReferenceCaseTests {
    /// The reference's schedulers, as requests name them.
    static let schedulers = [
        "euler": "Euler", "euler_trailing": "Euler Trailing", "euler_karras": "Euler Karras",
        "euler_a": "Euler a", "heun": "Heun", "lms": "LMS", "unipc": "UniPC", "ddim": "DDIM",
        "dpmpp_2m": "DPM++ 2M", "dpmpp_2m_karras": "DPM++ 2M Karras", "lcm": "LCM",
        "dpmpp_2m_sde_karras": "DPM++ 2M SDE Karras",
    ]

    /// In which diffusers cuts a second-order step in half at the handoff and has both experts run it.
    /// We never do; the base's whole steps before it must agree.
    static let cutInHalf = "heun_80_8"

    /// DPM++ SDE draws from torchsde's Brownian tree there, from the seed's stream here: its sampler is
    /// held to the reference in DiffusionTests, with the draws translated.
    static let foreignNoise = "dpmpp_sde_karras_80_8"

    static let cases = ReferenceCase.all.filter { $0.name != cutInHalf && $0.name != foreignNoise }

    @Test(arguments: cases) func `every tensor agrees with diffusers'`(
        reference: ReferenceCase
    ) throws {
        let recorders = try run(reference)
        let traces = try recorders.map { try Trace($0) }
        let names = reference.tensors.keys.filter { $0 != "step_noise" }.sorted()
        for name in names {
            try check(name, of: reference, traces)
        }
        if let png = reference.png {
            try checkPixels(traces, png: png, of: reference)
        }
    }

    @Test func `the base's whole steps agree where diffusers cuts a step in half`() throws {
        let reference = try ReferenceCase.named(Self.cutInHalf)
        let trace = try Trace(run(reference)[0])
        let whole = reference.baseEvaluations / reference.solverOrder * reference.solverOrder
        let wanted = try reference.float32("latents.steps")
        let count = wanted.count / reference.phases.count * whole
        let distance = try relativeL2(
            Array(trace.float32("latents.steps").prefix(count)), Array(wanted.prefix(count)))
        #expect(distance <= reference.tolerance("latents.final"), "\(distance)")
    }

    @Test func `every scheduler of the reference is known here`() {
        #expect(Set(Self.cases.map(\.inputs.scheduler)) == Set(Self.schedulers.keys))
    }

    // MARK: - Running a case

    /// One trace for each image: a batch of diffusers is a run for each image here.
    private func run(_ reference: ReferenceCase) throws -> [TraceRecorder] {
        let inputs = reference.inputs
        let count = inputs.prompts.count * inputs.imageCount
        let scheduler = try SchedulerName(#require(Self.schedulers[inputs.scheduler]))
        let schedule = scheduler.schedule(stepCount: inputs.steps)
        let order = reference.solverOrder
        let isWhole = reference.name != Self.cutInHalf
        let handoff =
            inputs.handoff == nil || !isWhole
            ? nil : try Handoff(.step(reference.baseEvaluations / order + 1), schedule: schedule)
        let base = try Expert(base: StoredModel(BuiltIn.base()))
        let refiner = try Expert(refiner: StoredModel(BuiltIn.refiner()))
        let pool = try ComputePool(lanes: 1, threads: 2)
        return try (0..<count).map { image in
            let prompts = Prompts(reference, image: image)
            let recorder = TraceRecorder()
            let run = try SDXLRun(
                plan: GenerationPlan(
                    model: "base", refinerModel: nil,
                    size: ImageSize(height: inputs.height, width: inputs.width), seeds: [0],
                    scheduler: scheduler.algorithm.rawValue, spacing: "",
                    timesteps: schedule.timesteps, sigmas: schedule.sigmas.map(Double.init),
                    baseSteps: handoff?.baseSteps ?? inputs.steps,
                    refinerSteps: handoff?.refinerSteps ?? 0, handoff: nil, advice: []),
                base: (base, prompts.base),
                refiners: [(refiner, prompts.refiner)],
                endings: [
                    RunEnding(
                        baseSteps: handoff?.baseSteps ?? inputs.steps,
                        refiner: handoff == nil ? nil : 0)
                ], algorithm: scheduler.algorithm, schedule: schedule, eta: inputs.eta,
                resetsHistoryAtHandoff: !inputs.isContinuous,
                noise: { _ in BatchNoise(inputs, image: image, of: count) }, pool: pool,
                trace: recorder)
            var phases: [Phase] = []
            while let phase = run.nextPhase {
                phases.append(phase)
                _ = try run.advance()
            }
            let steps = phases.filter { $0 == .base || $0 == .refiner }
            let wanted = reference.phases.enumerated().filter { $0.offset % order == 0 }
                .map { $0.element.isRefiner ? Phase.refiner : .base }
            #expect(!isWhole || steps == wanted, "\(reference): who ran which step")
            return recorder
        }
    }

    // MARK: - Comparing

    private func check(_ name: String, of reference: ReferenceCase, _ traces: [Trace]) throws {
        let got: [Float]
        switch name {
        case "timesteps", "sigmas":
            // Of second-order samplers the reference has one an evaluation, we one a step.
            guard reference.solverOrder == 1 else { return }
            #expect(
                try relativeL2(traces[0].float64(name), reference.float64(name)) <= 1e-6,
                "\(reference): \(name)")
            return
        case _ where name.hasPrefix("tokens."):
            let ids = try traces.flatMap { try $0.int32(name) }
            let wanted = try reference.int32(name)
            // One row a prompt there, one a trace here.
            let same =
                ids.count == wanted.count
                ? ids == wanted
                : traces.count * wanted.count == ids.count && ids.starts(with: wanted)
            #expect(same, "\(reference): \(name)")
            return
        case _
        where name.hasSuffix("time_ids") || name.contains("text_embeds")
            || name.contains("hidden_states"):
            got = try interleaved(name, traces, reference)
        case "latents.steps":
            got = try steps(traces, reference)
        default:
            got = try traces.flatMap { try $0.float32(name) }
        }
        let wanted = try reference.float32(name)
        let tolerance = tolerance(name, of: reference)
        let distance = relativeL2(got, wanted)
        #expect(
            distance <= tolerance,
            "\(reference): \(name) is \(distance) away, \(tolerance) is allowed")
        if name == "latents.steps", got.count == wanted.count {
            let size = wanted.count / reference.phases.count
            for phase in reference.phases {
                let range = phase.index * size..<(phase.index + 1) * size
                let distance = relativeL2(Array(got[range]), Array(wanted[range]))
                let expert = phase.isRefiner ? "refiner" : "base"
                #expect(
                    distance <= tolerance,
                    "\(reference): after \(expert) step \(phase.index + 1): \(distance) away")
            }
        }
    }

    /// As compare.py has them.
    private func tolerance(_ name: String, of reference: ReferenceCase) -> Double {
        switch name {
        case "noise": 2e-6
        case _ where name.hasSuffix("time_ids"): 0
        case _ where name.hasPrefix("latents."): reference.tolerance("latents.final")
        case _ where name.hasPrefix("eps."): max(reference.tolerance("latents.final"), 2e-5)
        default: reference.tolerance(name)
        }
    }

    /// [negative, positive] of each image as diffusers stacks them: all negatives first.
    private func interleaved(
        _ name: String, _ traces: [Trace], _ reference: ReferenceCase
    ) throws -> [Float] {
        let rows = try traces[0].shape(name)[0]
        let perTrace = try traces.map { trace in
            let values = try trace.float32(name)
            return (0..<rows).map { row in
                Array(values[row * values.count / rows..<(row + 1) * values.count / rows])
            }
        }
        if name == "base.time_ids", reference.name == "euler_negative_sizes_batch2" {
            // diffusers' order, neg, pos, neg, pos, laid over rows neg, neg, pos, pos.
            return perTrace[0][0] + perTrace[1][0] + perTrace[0][1] + perTrace[1][1]
        }
        return (0..<rows).flatMap { row in perTrace.flatMap { $0[row] } }
    }

    /// [evaluations, images, 4, height, width]
    private func steps(_ traces: [Trace], _ reference: ReferenceCase) throws -> [Float] {
        let all = try traces.map { try $0.float32("latents.steps") }
        let count = reference.phases.count
        return (0..<count).flatMap { step in
            all.flatMap { $0[step * $0.count / count..<(step + 1) * $0.count / count] }
        }
    }

    /// No pixel more than 1 off, at most 1 % off.
    private func checkPixels(
        _ traces: [Trace], png: String, of reference: ReferenceCase
    ) throws {
        let (height, width) = (reference.inputs.height, reference.inputs.width)
        let picture = try PNGPixels(Array(Repository.reference(png)))
        try #require(picture.height == height && picture.width == width * traces.count)
        var off = 0
        for (image, trace) in traces.enumerated() {
            let pixels = try trace.uint8("image_u8")
            for y in 0..<height {
                for x in 0..<width * 3 {
                    let wanted = picture.values[y * picture.width * 3 + image * width * 3 + x]
                    let difference = abs(Int(pixels[y * width * 3 + x]) - Int(wanted))
                    off += difference
                    guard difference <= 1 else {
                        Issue.record("\(reference): pixel (\(y), \(x / 3)) is \(difference) off")
                        return
                    }
                }
            }
        }
        #expect(off * 100 <= picture.values.count, "\(reference): \(off) values are off")
    }
}

/// What one image of a case is told.
private struct Prompts {
    let base: ExpertPrompt
    let refiner: ExpertPrompt

    init(_ reference: ReferenceCase, image: Int) {
        let inputs = reference.inputs
        let prompt = inputs.prompts[image / inputs.imageCount]
        let negative = inputs.negativePrompts.map {
            $0[min(image / inputs.imageCount, $0.count - 1)]
        }
        let size = [inputs.height, inputs.width]
        let original = inputs.originalSize ?? size
        func floats(_ values: [Int]) -> [Float] { values.map(Float.init) }
        let positiveIDs = floats(original + inputs.crop + (inputs.targetSize ?? size))
        var negativeIDs = positiveIDs
        if let negativeOriginal = inputs.negativeOriginalSize,
            let negativeTarget = inputs.negativeTargetSize
        {
            negativeIDs = floats(negativeOriginal + inputs.negativeCrop + negativeTarget)
        }
        var base = ExpertPrompt(
            positive: prompt, negative: negative,
            positive2: inputs.prompt2.flatMap { $0.isEmpty ? nil : $0 } ?? prompt,
            negative2: inputs.negativePrompt2 ?? negative, timeIDs: positiveIDs,
            negativeTimeIDs: negativeIDs, guidanceScale: inputs.guidance)
        if reference.name == "euler_negative_sizes_batch2" {
            // diffusers' base pipeline lays neg, pos, neg, pos over rows neg, neg, pos, pos: the first
            // image gets the negative sizes twice, the second the positive ones. We do not, but
            // with its sizes the numbers must be its.
            let ids = image == 0 ? negativeIDs : positiveIDs
            (base.timeIDs, base.negativeTimeIDs) = (ids, ids)
        }
        self.base = base
        let refinerPrompt = inputs.refinerPrompt ?? prompt
        let refinerNegative = inputs.refinerNegativePrompt ?? negative
        let refinerIDs = floats(original + inputs.crop) + [Float(inputs.aestheticScore)]
        let negativeOriginal = inputs.negativeOriginalSize ?? original
        let refinerNegativeIDs =
            floats(negativeOriginal + inputs.negativeCrop)
            + [Float(inputs.negativeAestheticScore)]
        refiner = ExpertPrompt(
            positive: refinerPrompt, negative: refinerNegative, positive2: refinerPrompt,
            negative2: refinerNegative,
            timeIDs: refinerIDs, negativeTimeIDs: refinerNegativeIDs,
            guidanceScale: inputs.refinerGuidance ?? inputs.guidance)
    }
}

/// One image's part of what diffusers draws for a batch: one draw of the whole batch from one seed,
/// or a stream for each image from its own.
private struct BatchNoise: NoiseSource {
    private var generator: TorchGenerator
    private let image: Int
    private let count: Int

    init(_ inputs: ReferenceCase.Inputs, image: Int, of count: Int) {
        let own = inputs.seeds.count > 1
        generator = TorchGenerator(seed: Int64(inputs.seeds[own ? image : 0]))
        self.image = own ? 0 : image
        self.count = own ? 1 : count
    }

    mutating func fill(_ values: inout [Float]) {
        let all = generator.normals(values.count * count)
        values = Array(all[image * values.count..<(image + 1) * values.count])
    }

    func write(to writer: inout StateWriter) { generator.write(to: &writer) }

    mutating func read(from reader: inout StateReader) throws(DamagedState) {
        try generator.read(from: &reader)
    }
}

/// A recorded trace, read back.
private struct Trace {
    private let file: ModelFile

    init(_ recorder: TraceRecorder) throws {
        file = try ModelFile(name: "trace", bytes: Array(recorder.serialized()))
    }

    func shape(_ name: String) throws -> [Int] {
        try #require(file.shape(of: name), "the trace has no \(name)")
    }

    func float32(_ name: String) throws -> [Float] { try elements(name, .float32) }
    func float64(_ name: String) throws -> [Double] { try elements(name, .float64) }
    func int32(_ name: String) throws -> [Int32] { try elements(name, .int32) }
    func uint8(_ name: String) throws -> [UInt8] { try elements(name, .uint8) }

    private func elements<Element: BitwiseCopyable>(
        _ name: String, _ type: ElementType
    ) throws -> [Element] {
        try #require(file.elementType(of: name) == type, "\(name) of the trace")
        let count = try shape(name).reduce(1, *)
        return try #require(
            file.withBytes(of: name) { bytes in
                (0..<count).map {
                    bytes.loadUnaligned(
                        fromByteOffset: $0 * MemoryLayout<Element>.stride, as: Element.self)
                }
            })
    }
}
