import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Weights

/// What a request can say about conditioning, whole generations against diffusers' two pipelines:
/// vectors of make_conditioning.py.
struct ConditioningTests {
    struct Runs: Decodable, Sendable {
        var prompt: String
        var steps: Int
        var baseSteps: Int
        var seed: Int64
        var cases: [Case]

        struct Case: Decodable, Sendable, CustomTestStringConvertible {
            var name: String
            var scheduler: String
            var guidance: Double
            var clipSkip: Int?
            var guidanceRescale: Double?
            var eta: Double?
            var negativePrompt: String?

            var testDescription: String { name }
        }
    }

    static let runs = ConditioningVectors.index.runs

    @Test(arguments: runs.cases) func `a whole generation agrees with diffusers'`(
        run: Runs.Case
    ) throws {
        var request = GenerationRequest()
        request.positivePrompt = Self.runs.prompt
        request.negativePrompt = run.negativePrompt
        request.steps = Self.runs.steps
        request.seed = Self.runs.seed
        request.scheduler = ["euler": "Euler", "ddim": "DDIM"][run.scheduler]
        request.cfgScale = run.guidance
        request.clipSkip = run.clipSkip
        request.guidanceRescale = run.guidanceRescale
        request.eta = run.eta
        request.refiner = GenerationRequest.Refiner()
        request.refiner?.model = ModelCatalog.tinyRefinerID
        request.refiner?.startStep = Self.runs.baseSteps + 1
        let vectors = try ConditioningVectors()
        let trace = try vectors.trace(of: request)
        let names = vectors.tensors.names.filter { $0.hasPrefix("\(run.name).") }
        #expect(names.count >= 2)
        for name in names {
            try vectors.check(name, trace)
        }
    }

    @Test func `eta with a scheduler that takes none is refused by name`() throws {
        var request = GenerationRequest()
        request.positivePrompt = "a lake"
        request.eta = 0.5
        request.scheduler = "Euler"
        let error = #expect(throws: GenerationError.self) {
            try ConditioningVectors().trace(of: request)
        }
        #expect(error?.fields == ["eta", "scheduler"])
        #expect(error?.message.contains("DDIM or TCD") == true)
    }

    @Test func `history kept and history reset give other pictures, each by its name`() throws {
        var digests: Set<[Float]> = []
        for history in ["KEEP", "RESET", nil] {
            var request = GenerationRequest()
            request.positivePrompt = "a lake"
            request.seed = 1
            request.steps = 6
            request.scheduler = "DPM++ 2M"
            request.handoffHistory = history
            request.refiner = GenerationRequest.Refiner()
            request.refiner?.model = ModelCatalog.tinyRefinerID
            request.refiner?.startStep = 4
            let trace = try ConditioningVectors().trace(of: request)
            digests.insert(try ConditioningVectors.floats(trace, "latents.final"))
        }
        #expect(digests.count == 2)
    }
}

/// The vectors, and how to make ours of the same names.
struct ConditioningVectors {
    struct Index: Decodable, Sendable {
        var runs: ConditioningTests.Runs
        var weights: PromptWeightsTests.Weights
        var embeddings: TextualInversionTests.Embeddings
    }

    static let index: Index = {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(Index.self, from: Repository.reference("conditioning.json"))
        } catch {
            fatalError("Tests/References/conditioning.json cannot be read: \(error)")
        }
    }()

    let tensors: ReferenceTensors

    init() throws {
        tensors = try ReferenceTensors("conditioning.safetensors")
    }

    /// Runs a request at 64 x 64 on the built-in models.
    func trace(
        of request: GenerationRequest, catalog: ModelCatalog? = nil
    ) throws -> ModelFile {
        var request = request
        (request.width, request.height) = (64, 64)
        request.model = ModelCatalog.tinyBaseID
        let recorder = TraceRecorder()
        let generator = try SDXLGenerator(
            catalog: catalog ?? ModelCatalog(), lanes: 1, threads: 1, trace: recorder)
        let job = try GenerationJob(request, models: generator.models)
        let run = try generator.makeRun(job, plan: generator.plan(job))
        while run.nextPhase != nil { _ = try run.advance() }
        return try ModelFile(name: "trace", bytes: Array(recorder.serialized()))
    }

    /// Compares the tensor `name`, whose part after the first dot is its name in the trace.
    func check(_ name: String, _ trace: ModelFile) throws {
        let own = name.split(separator: ".", maxSplits: 1).last.map(String.init) ?? name
        let distance = relativeL2(
            try Self.floats(trace, own), try tensors.float32(name))
        #expect(distance <= 2e-5, "\(name) is \(distance) away")
    }

    static func floats(_ trace: ModelFile, _ name: String) throws -> [Float] {
        let count = try #require(trace.shape(of: name), "the trace has no \(name)").reduce(1, *)
        return try #require(
            trace.withBytes(of: name) { bytes in
                (0..<count).map {
                    bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self)
                }
            })
    }
}
