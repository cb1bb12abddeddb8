import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

/// Image-to-image and inpainting against diffusers' pipelines, through requests as callers make them:
/// every tensor of `image_input.safetensors`, step by step.
struct ImageInputTests {
    static let cases: [ImageInputCase] = {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(
                ImageInputCase.Index.self, from: Repository.reference("image_input.json")
            ).cases
        } catch {
            fatalError("Tests/References/image_input.json cannot be read: \(error)")
        }
    }()

    let vectors: ReferenceTensors
    let seedPicture: Picture
    let maskPicture: Picture

    init() throws {
        vectors = try ReferenceTensors("image_input.safetensors")
        seedPicture = try vectors.picture("seed_picture")
        maskPicture = try vectors.picture("mask_picture")
    }

    @Test(arguments: cases) func `every tensor agrees with diffusers'`(
        reference: ImageInputCase
    ) throws {
        let job = try job(reference)
        let recorder = TraceRecorder()
        let generator = try SDXLGenerator(
            catalog: ModelCatalog(), lanes: 1, threads: 2, trace: recorder)
        let plan = try generator.plan(job)
        #expect(plan.timesteps.count == reference.executedSteps)
        #expect(plan.baseSteps == reference.baseSteps)
        #expect(plan.refinerSteps == reference.executedSteps - reference.baseSteps)
        let phases = try run(generator.makeRun(job, plan: plan))
        let steps =
            Array(repeating: Phase.base, count: reference.baseSteps)
            + Array(repeating: .refiner, count: reference.executedSteps - reference.baseSteps)
            + [.decoding]
        let images = Array(repeating: steps, count: job.seeds.count).flatMap(\.self)
        #expect(phases == [.textEncoding, .imageEncoding] + images)

        let trace = try ModelFile(name: "trace", bytes: Array(recorder.serialized()))
        let prefix = "\(reference.name)."
        let names = vectors.names.filter { $0.hasPrefix(prefix) }
        #expect(names.count >= 5)
        for name in ["vae.mean", "vae.std"] + names {
            let own = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
            if own == "image_u8" {
                try checkPixels(trace.bytes(own), vectors.bytes(name), of: reference)
                continue
            }
            let got = try trace.numbers(own)
            let wanted = try vectors.float32(name)
            let tolerance = reference.tolerance(own)
            let distance = relativeL2(got, wanted)
            #expect(
                distance <= tolerance,
                "\(reference): \(own) is \(distance) away, \(tolerance) is allowed")
            if own == "latents.steps", got.count == wanted.count {
                for index in 0..<reference.evaluations {
                    let size = wanted.count / reference.evaluations
                    let range = index * size..<(index + 1) * size
                    let distance = relativeL2(Array(got[range]), Array(wanted[range]))
                    #expect(
                        distance <= tolerance,
                        "\(reference): after evaluation \(index + 1): \(distance)")
                }
            }
        }
    }

    @Test func `the handoff is echoed in all units, of the executed steps`() throws {
        let reference = try #require(Self.cases.first { $0.name == "base_refiner" })
        var request = request(reference)
        request.refiner?.startTimestep = nil
        request.refiner?.startStepPercentage = 80
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 1)
        let plan = try generator.plan(job(request))
        // 12 of 20 steps are run; 80 % of 12 is 9.6.
        #expect(plan.timesteps.count == 12 && plan.sigmas.count == 13)
        #expect((plan.baseSteps, plan.refinerSteps) == (9, 3))
        let handoff = try #require(plan.handoff)
        #expect(handoff.step == 10)
        #expect(handoff.percentage == 75)
        #expect(handoff.timestep == plan.timesteps[9])
        #expect(handoff.sigma == plan.sigmas[9])
    }

    @Test(arguments: [(0.2, false), (0.3, true), (1, true)])
    func `a refiner alone is told when it starts outside its training`(
        strength: Double, isTold: Bool
    ) throws {
        var request = GenerationRequest()
        request.positivePrompt = "a cat"
        request.model = "tiny-refiner"
        request.strength = strength
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 1)
        let plan = try generator.plan(job(request))
        #expect((plan.baseSteps, plan.refinerModel) == (0, nil))
        #expect(plan.advice.contains { $0.contains("outside the last 200") } == isTold)
    }

    @Test(arguments: [(20, 0.04, 0), (20, 0.05, 1), (10, 0.7, 7), (50, 0.58, 28), (1, 1, 1)])
    func `strength runs as many steps as diffusers counts`(
        steps: Int, strength: Double, run: Int
    ) throws {
        var request = GenerationRequest()
        request.positivePrompt = "a cat"
        request.steps = steps
        request.strength = strength
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 1)
        let job = try job(request)
        guard run > 0 else {
            let error = try #require(throws: GenerationError.self) { try generator.plan(job) }
            #expect(error.code == "invalidStrength")
            #expect(error.fields == ["strength", "steps"])
            return
        }
        let plan = try generator.plan(job)
        #expect(plan.timesteps.count == run)
        #expect(plan.timesteps.last == 1)
    }

    @Test func `a mask is light from the middle of gray on, read at every eighth pixel`() throws {
        let mask = LatentMask(maskPicture)
        let wanted = try vectors.float32("inpaint_08.mask")
        #expect(mask.isNew.map { $0 ? 1 : 0 } == wanted)
    }

    @Test func `outside the mask the picture's own latents are what is decoded`() throws {
        let mask = LatentMask(maskPicture).isNew
        let encoded = try vectors.float32("inpaint_10.latents.encoded")
        let final = try vectors.float32("inpaint_10.latents.final")
        for index in encoded.indices where !mask[index % mask.count] {
            #expect(encoded[index] == final[index])
        }
    }

    // MARK: - Requests

    private func request(_ reference: ImageInputCase) -> GenerationRequest {
        let inputs = reference.inputs
        var request = GenerationRequest()
        request.positivePrompt = inputs.prompt
        request.negativePrompt = inputs.negativePrompt
        request.model = inputs.expert == "refiner" ? "tiny-refiner" : "tiny-base"
        request.steps = inputs.steps
        request.scheduler =
            [
                "euler": "Euler", "euler_a": "Euler a", "euler_trailing": "Euler Trailing",
                "ddim": "DDIM", "heun": "Heun", "dpmpp_2m": "DPM++ 2M",
                "dpmpp_2m_karras": "DPM++ 2M Karras", "unipc": "UniPC",
            ][inputs.scheduler]
        request.seed = inputs.seed.first
        request.numberResults = inputs.images
        request.cfgScale = inputs.guidance
        request.strength = inputs.strength
        if inputs.mask { request.maskImage = Self.name(of: "b") }
        if let cutoff = reference.cutoff {
            var refiner = GenerationRequest.Refiner()
            refiner.model = "tiny-refiner"
            refiner.startTimestep = Double(cutoff)
            request.refiner = refiner
        }
        return request
    }

    private func job(_ reference: ImageInputCase) throws -> GenerationJob {
        try job(request(reference))
    }

    private func job(_ request: GenerationRequest) throws -> GenerationJob {
        var request = request
        request.seedImage = Self.name(of: "a")
        let pictures = [Self.name(of: "a"): seedPicture, Self.name(of: "b"): maskPicture]
        return try GenerationJob(
            request, models: ModelCatalog().models, pictures: { pictures[$0] })
    }

    private static func name(of letter: String) -> String { String(repeating: letter, count: 64) }

    private func run(_ run: any GenerationRun) throws -> [Phase] {
        var phases: [Phase] = []
        while let phase = run.nextPhase {
            phases.append(phase)
            _ = try run.advance()
        }
        return phases
    }

    /// No pixel more than 1 off, at most 1 % off.
    private func checkPixels(
        _ got: [UInt8], _ wanted: [UInt8], of reference: ImageInputCase
    ) throws {
        try #require(got.count == wanted.count)
        let differences = zip(got, wanted).map { abs(Int($0) - Int($1)) }
        #expect((differences.max() ?? 0) <= 1, "\(reference): a pixel is off")
        #expect(differences.reduce(0, +) * 100 <= wanted.count, "\(reference): pixels are off")
    }
}

/// A case of `image_input.json`.
struct ImageInputCase: Decodable, Sendable, CustomStringConvertible {
    struct Index: Decodable { var cases: [ImageInputCase] }

    struct Inputs: Decodable {
        var prompt: String
        var negativePrompt: String?
        var expert: String
        var steps: Int
        var scheduler: String
        var seed: Seeds
        var images: Int
        var guidance: Double
        var strength: Double
        var mask: Bool
    }

    struct Seeds: Decodable {
        var first: Int64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            first =
                try (try? container.decode(Int64.self)) ?? container.decode([Int64].self)[0]
        }
    }

    var name: String
    var inputs: Inputs
    var executedSteps: Int
    /// Of the UNets; second-order samplers take two a step.
    var evaluations: Int
    var baseEvaluations: Int
    var cutoff: Int?
    var tolerance: [String: Double]

    var description: String { name }

    /// Only first-order cases have both experts.
    var baseSteps: Int { baseEvaluations == evaluations ? executedSteps : baseEvaluations }

    func tolerance(_ tensor: String) -> Double {
        switch tensor {
        case "noise": 2e-6
        case "timesteps": 1e-6
        case "mask": 0
        case "latents.steps": tolerance["latents.final"] ?? ReferenceCase.defaultTolerance
        default: tolerance[tensor] ?? ReferenceCase.defaultTolerance
        }
    }
}

extension ReferenceTensors {
    fileprivate func picture(_ name: String) throws -> Picture {
        let shape = try shape(name)
        return try Picture(
            size: ImageSize(height: shape[0], width: shape[1]), pixels: bytes(name))
    }
}

extension ModelFile {
    fileprivate func bytes(_ name: String) throws -> [UInt8] {
        try #require(withBytes(of: name) { Array($0) }, "the trace has no \(name)")
    }

    fileprivate func numbers(_ name: String) throws -> [Float] {
        let isDouble = elementType(of: name) == .float64
        let count = try #require(shape(of: name), "the trace has no \(name)").reduce(1, *)
        return try #require(
            withBytes(of: name) { bytes in
                (0..<count).map {
                    isDouble
                        ? Float(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self))
                        : bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self)
                }
            })
    }
}
