import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Tokenization
@testable import Weights

/// LoRA against diffusers with peft: single networks, and whole generations.
struct LoRATests {
    /// The same changes under kohya's original and diffusers' block names, and PEFT's.
    static let styles = ["lora_a_kohya", "lora_a_blocks", "lora_a_peft"]
    static let files = styles + ["lora_b_kohya", "lora_refiner_down_up"]

    // As make_lora.py has them.
    static let a = LoRA(model: "lora_a_kohya", weight: 0.75)
    static let b = LoRA(model: "lora_b_kohya", weight: -0.625)
    static let refiner = LoRA(model: "lora_refiner_down_up", weight: 1.25, applyTo: .refiner)

    let vectors: ReferenceTensors
    let inputs: ReferenceTensors
    let catalog: ModelCatalog

    typealias LoRA = GenerationRequest.LoRA

    init() throws {
        vectors = try ReferenceTensors("lora_vectors.safetensors")
        inputs = try ReferenceTensors("modules.safetensors")
        catalog = try withTemporaryDirectory { directory in
            for name in Self.files.map({ $0 + ".safetensors" }) {
                try FileManager.default.createSymbolicLink(
                    atPath: directory + "/" + name,
                    withDestinationPath: Repository.references.appending(path: name).path)
            }
            return try ModelCatalog(directory: directory)
        }
    }

    // MARK: Single networks

    @Test(arguments: styles, ["even", "odd"])
    func `the base's UNet predicts what diffusers predicts with one LoRA`(
        style: String, size: String
    ) throws {
        let expert = try expert([LoRA(model: style, weight: Self.a.weight)])
        try checkUNet(expert, "unet.base.\(size)", wanted: "a.unet.\(size)")
    }

    @Test(arguments: ["even", "odd"])
    func `the changes of two LoRA add up, on shared layers too`(size: String) throws {
        try checkUNet(
            expert([Self.a, Self.b]), "unet.base.\(size)", wanted: "ab.unet.\(size)")
    }

    @Test(arguments: ["even", "odd"])
    func `the refiner's UNet takes its own`(size: String) throws {
        try checkUNet(
            expert([Self.a, Self.refiner], isRefiner: true), "unet.refiner.\(size)",
            wanted: "refiner.unet.\(size)")
    }

    @Test(arguments: [("a", [a]), ("ab", [a, b])])
    func `the base's text encoders are changed too`(name: String, loras: [LoRA]) throws {
        let expert = try expert(loras)
        try checkText(
            #require(expert.clipL), ids: "text_encoder.ids", states: "\(name).text_encoder")
        try checkText(
            expert.openCLIP, ids: "text_encoder_2.ids", states: "\(name).text_encoder_2",
            pooled: "\(name).text_embeds")
    }

    @Test func `the refiner's text encoder is changed too`() throws {
        let expert = try expert([Self.refiner], isRefiner: true)
        try checkText(
            expert.openCLIP, ids: "refiner_text_encoder_2.ids", states: "refiner.text_encoder_2",
            pooled: "refiner.text_embeds")
    }

    // MARK: Whole generations

    @Test func `four steps of the base with a LoRA end where diffusers' do`() throws {
        let trace = try run([Self.a]).trace
        try check(trace, "latents.final", "latents.a")
    }

    @Test func `each expert has its own LoRA on both sides of the handoff`() throws {
        let trace = try run([Self.a, Self.b, Self.refiner], withRefiner: true).trace
        try check(trace, "latents.handoff", "latents.both.handoff")
        try check(trace, "latents.final", "latents.both")
    }

    @Test func `all styles of names give the same bytes`() throws {
        let pictures = try Self.styles.map { try run([LoRA(model: $0, weight: 0.8)]).pixels }
        #expect(pictures[0] == pictures[1])
        #expect(pictures[0] == pictures[2])
    }

    @Test func `a weight of zero is as good as none, and no other is`() throws {
        let plain = try run([]).pixels
        #expect(try run([LoRA(model: "lora_a_kohya", weight: 0)]).pixels == plain)
        #expect(try run([LoRA(model: "lora_a_kohya", weight: 0.01)]).pixels != plain)
    }

    @Test func `threads change no byte`() throws {
        #expect(try run([Self.a], threads: 1).pixels == run([Self.a], threads: 3).pixels)
    }

    @Test func `jobs with other LoRA at the same time do not disturb each other`() throws {
        let choices: [[LoRA]] = [[Self.a], [Self.b], []]
        let alone = try choices.map { try run($0).pixels }
        let generator = try SDXLGenerator(catalog: catalog, lanes: 1, threads: 2)
        let runs = try choices.map { loras in
            let job = try job(loras, generator.models)
            return try generator.makeRun(job, plan: generator.plan(job))
        }
        var pixels = choices.map { _ in [UInt8]() }
        while runs.contains(where: { $0.nextPhase != nil }) {
            for (index, run) in runs.enumerated() where run.nextPhase != nil {
                if case .image(let image) = try run.advance() { pixels[index] = image.pixels }
            }
        }
        #expect(pixels == alone)
    }

    // MARK: Refusals and advice

    @Test func `one that fits nothing is refused with an example of each side`() throws {
        let error = try refusal(
            LoRA(model: "other"),
            adding: Self.file([("lora_unet_nowhere_0_to_q", [4, 64], [64, 4])]))
        #expect(error.code == "incompatibleLora")
        #expect(error.status == .failedPrecondition)
        #expect(error.fields == ["lora[0].model"])
        for words in ["changes 1 layers", "lora_unet_nowhere_0_to_q", "such as input_blocks."] {
            #expect(error.message.contains(words), "\(error.message)")
        }
    }

    @Test func `one for the base is refused on the refiner, whose layers have other sizes`() throws
    {
        let generator = try SDXLGenerator(catalog: catalog, lanes: 1, threads: 1)
        let lora = LoRA(model: "lora_a_kohya", applyTo: .both)
        let job = try job([lora], generator.models, withRefiner: true)
        let error = #expect(throws: GenerationError.self) { try generator.plan(job) }
        #expect(error?.code == "incompatibleLora")
        #expect(error?.message.contains("lora_a_kohya.safetensors, tensor \"lora_unet_") == true)
    }

    @Test func `one that fits in part is taken with advice`() throws {
        let file = Self.file([
            ("lora_unet_nowhere_0_to_q", [4, 64], [64, 4]),
            ("lora_te1_text_model_encoder_layers_0_mlp_fc1", [4, 12], [48, 4]),
        ])
        try withCatalog(adding: file) { catalog in
            let generator = try SDXLGenerator(catalog: catalog, lanes: 1, threads: 1)
            let plan = try generator.plan(job([LoRA(model: "other")], generator.models))
            let sentence = plan.advice.first { $0.hasPrefix("lora[0].model (other.safetensors)") }
            #expect(sentence?.contains("1 of the 2 layers") == true, "\(plan.advice)")
            #expect(sentence?.contains("lora_unet_nowhere_0_to_q") == true)
        }
    }

    @Test func `an adapted expert is another over the same weights`() throws {
        let plain = try Expert(base: StoredModel(BuiltIn.base()))
        let adapted = try adapted(plain, "tiny-base", [Self.a])
        let (before, after) = (plain.unet.inputConvolution, adapted.unet.inputConvolution)
        #expect(before.adapters.isEmpty)
        #expect(after.adapters.count == 1)
        #expect(before.weight.bytes == after.weight.bytes)
    }

    private func refusal(
        _ lora: LoRA, adding file: [UInt8]
    ) throws -> GenerationError {
        try withCatalog(adding: file) { catalog in
            let generator = try SDXLGenerator(catalog: catalog, lanes: 1, threads: 1)
            let job = try job([lora], generator.models)
            return try #require(throws: GenerationError.self) { try generator.plan(job) }
        }
    }

    private func withCatalog<Result>(
        adding file: [UInt8], _ body: (ModelCatalog) throws -> Result
    ) throws -> Result {
        try withTemporaryDirectory { directory in
            try Data(file).write(to: URL(fileURLWithPath: directory + "/other.safetensors"))
            return try body(ModelCatalog(directory: directory))
        }
    }

    /// Pairs by the name of their layer, of zeros.
    static func file(_ layers: [(name: String, down: [Int], up: [Int])]) -> [UInt8] {
        SafetensorsBytes.file(
            layers.flatMap { layer in
                [
                    .init(layer.name + ".lora_down.weight", "F16", layer.down),
                    .init(layer.name + ".lora_up.weight", "F16", layer.up),
                ]
            })
    }
}

// MARK: - Running and comparing

extension LoRATests {
    private func job(
        _ loras: [LoRA], _ models: [ModelDescription], withRefiner: Bool = false
    ) throws -> GenerationJob {
        var request = GenerationRequest()
        request.positivePrompt = "a lighthouse in a storm"
        request.negativePrompt = "blurry"
        request.model = "tiny-base"
        request.steps = 4
        request.seed = 11
        request.cfgScale = 5
        request.width = 64
        request.height = 64
        request.loras = loras
        if withRefiner {
            request.refiner = GenerationRequest.Refiner()
            request.refiner?.model = "tiny-refiner"
            request.refiner?.startStep = 3
        }
        return try GenerationJob(request, models: models)
    }

    private func run(
        _ loras: [LoRA], withRefiner: Bool = false, threads: Int = 2
    ) throws -> (trace: ModelFile, pixels: [UInt8]) {
        let recorder = TraceRecorder()
        let generator = try SDXLGenerator(
            catalog: catalog, lanes: 1, threads: threads, trace: recorder)
        let job = try job(loras, generator.models, withRefiner: withRefiner)
        let run = try generator.makeRun(job, plan: generator.plan(job))
        var pixels: [UInt8] = []
        while run.nextPhase != nil {
            if case .image(let image) = try run.advance() { pixels = image.pixels }
        }
        return (try ModelFile(name: "trace", bytes: Array(recorder.serialized())), pixels)
    }

    private func check(_ trace: ModelFile, _ name: String, _ wanted: String) throws {
        let got = try #require(
            trace.withBytes(of: name) { Array($0.bindMemory(to: Float.self)) })
        let distance = try relativeL2(got, vectors.float32(wanted))
        #expect(distance <= 5e-5, "\(wanted): relative L2 \(distance)")
    }

    private func expert(_ loras: [LoRA], isRefiner: Bool = false) throws -> Expert {
        isRefiner
            ? try adapted(Expert(refiner: StoredModel(BuiltIn.refiner())), "tiny-refiner", loras)
            : try adapted(Expert(base: StoredModel(BuiltIn.base())), "tiny-base", loras)
    }

    private func adapted(_ expert: Expert, _ id: String, _ loras: [LoRA]) throws -> Expert {
        var files: [String: LoRAFile] = [:]
        for name in Self.files {
            let stored = try #require(catalog.stored(name))
            files[name] = try LoRAFile(stored.unet.file)
        }
        return try LoRALibrary(files, experts: [id: expert]).adapted(
            expert, id: id, expert.clipL == nil ? .refiner : .base,
            for: job(loras, catalog.models, withRefiner: true))
    }

    private func checkUNet(_ expert: Expert, _ name: String, wanted: String) throws {
        let compute = try Compute(threads: 2, memoryByteCount: 4 << 30)
        let shape = try inputs.shape("\(name).sample")
        let sample = compute.activation(
            images: 1, height: shape[2], width: shape[3], channels: shape[1])
        for (index, value) in try inputs.float32("\(name).sample").enumerated() {
            sample.data[index % sample.tokens * sample.channels + index / sample.tokens] = value
        }
        let states = try inputs.float32("\(name).encoder_hidden_states")
        let context = compute.activation(
            images: 1, height: 1, width: 77, channels: states.count / 77)
        context.data.update(from: states, count: states.count)
        let embeds = try inputs.float32("\(name).text_embeds")
        let pooled = compute.activation(images: 1, height: 1, width: 1, channels: embeds.count)
        pooled.data.update(from: embeds, count: embeds.count)
        let out = expert.unet.predictNoise(
            sample, timestep: try inputs.float32("\(name).timestep")[0],
            UNet.Conditioning(
                prompt: expert.unet.keysAndValues(of: context, compute), pooled: pooled,
                timeIDs: [try inputs.float32("\(name).time_ids")]), compute)
        let planes = (0..<out.count).map { index in
            out.data[index % out.tokens * out.channels + index / out.tokens]
        }
        let distance = try relativeL2(planes, vectors.float32(wanted))
        #expect(distance <= 2e-5, "\(wanted): relative L2 \(distance)")
    }

    private func checkText(
        _ encoder: TextEncoder, ids name: String, states: String, pooled: String? = nil
    ) throws {
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let ids = try inputs.int32(name)
        let end = try #require(ids.firstIndex(of: CLIPTokenizer.endOfText))
        let got = encoder.encode(
            [TokenizedPrompt(ids: ids, endIndex: end, truncatedCount: 0)], compute)
        for (activation, wanted) in [(got.states, states), (got.pooled, pooled)] {
            guard let activation, let wanted else { continue }
            let values = Array(
                UnsafeBufferPointer(start: activation.data, count: activation.count))
            let distance = try relativeL2(values, vectors.float32(wanted))
            #expect(distance <= 2e-5, "\(wanted): relative L2 \(distance)")
        }
    }
}
