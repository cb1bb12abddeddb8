import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Weights

/// Learned words against diffusers' load_textual_inversion: vectors of make_conditioning.py.
struct TextualInversionTests {
    struct Embeddings: Decodable, Sendable {
        var word: String
        var weight: Double
        var cases: [Case]

        struct Case: Decodable, Sendable, CustomTestStringConvertible {
            var name: String
            var prompt: String

            var testDescription: String { name }
        }
    }

    static let embeddings = ConditioningVectors.index.embeddings

    @Test(arguments: embeddings.cases) func `the text encoders' states agree with diffusers'`(
        prompt: Embeddings.Case
    ) throws {
        let vectors = try ConditioningVectors()
        try Self.withCatalog { catalog in
            let trace = try vectors.trace(of: Self.request(prompt.prompt), catalog: catalog)
            let names = vectors.tensors.names.filter { $0.hasPrefix("\(prompt.name).") }
            #expect(names.count == 4)
            for name in names { try vectors.check(name, trace) }
        }
    }

    @Test func `a weighted prompt knows learned words too`() throws {
        let vectors = try ConditioningVectors()
        try Self.withCatalog { catalog in
            let name = "base.encoder_hidden_states"
            let prompt = Self.embeddings.cases[0].prompt
            var request = Self.request(prompt)
            let plain = try ConditioningVectors.floats(
                vectors.trace(of: request, catalog: catalog), name)
            request.promptWeighting = "compel"
            let same = try ConditioningVectors.floats(
                vectors.trace(of: request, catalog: catalog), name)
            #expect(plain == same)
            request.positivePrompt = prompt + " (\(Self.embeddings.word))1.3"
            let trace = try vectors.trace(of: request, catalog: catalog)
            #expect(try ConditioningVectors.floats(trace, name).allSatisfy(\.isFinite))
        }
    }

    @Test func `a catalog lists an embedding as what it is`() throws {
        try Self.withCatalog { catalog in
            let model = try #require(catalog.models.first { $0.id == Self.embeddings.word })
            #expect(model.role == .embedding)
            #expect(model.architecture == ModelDescription.embeddingArchitecture)
            #expect(model.problem.isEmpty)
            #expect(catalog.defaultBaseID == ModelCatalog.builtInBaseID)
        }
    }

    @Test func `an embedding whose word is in no prompt is told of`() throws {
        try Self.withCatalog { catalog in
            let generator = try SDXLGenerator(catalog: catalog, lanes: 1, threads: 1)
            for (prompt, count) in [("a fox", 0), ("a fox, FROST-Style", 1)] {
                let job = try GenerationJob(Self.request(prompt), models: generator.models)
                let advice = try generator.plan(job).advice.filter { $0.contains("embedding") }
                #expect(advice.count == 1 - count)
            }
        }
    }

    @Test(arguments: [([2, 12], [3, 20]), ([0, 12], [0, 20]), ([80, 12], [80, 20])])
    func `a file whose vectors make no word is listed with its problem`(
        clipL: [Int], openCLIP: [Int]
    ) throws {
        try Self.withCatalog(clipL: clipL, openCLIP: openCLIP) { catalog in
            let generator = try SDXLGenerator(catalog: catalog, lanes: 1, threads: 1)
            let model = try #require(generator.models.first { $0.id == Self.embeddings.word })
            #expect(model.role == .unusable)
            #expect(model.problem.contains("clip_"))
        }
    }

    @Test func `vectors of other widths than the text encoders' are refused`() throws {
        try Self.withCatalog(clipL: [1, 768], openCLIP: [1, 1280]) { catalog in
            let error = #expect(throws: GenerationError.self) {
                try ConditioningVectors().trace(of: Self.request("a fox"), catalog: catalog)
            }
            #expect(error?.status == .failedPrecondition)
            #expect(error?.fields == ["embeddings[0].model", "model"])
        }
    }

    @Test(arguments: [
        (["nothing"], "modelNotFound"), ([ModelCatalog.tinyBaseID], "invalidEmbeddings"),
        ([embeddings.word, embeddings.word], "invalidEmbeddings"),
    ])
    func `what is no embedding is refused by its place`(names: [String], code: String) throws {
        try Self.withCatalog { catalog in
            var request = Self.request("a fox")
            request.embeddings = names.map { GenerationRequest.Embedding(model: $0) }
            let error = #expect(throws: GenerationError.self) {
                try GenerationJob(request, models: catalog.models)
            }
            #expect(error?.code == code)
            #expect(error?.fields == ["embeddings[\(names.count - 1)].model"])
        }
    }

    @Test func `an embedding makes no picture by itself`() throws {
        try Self.withCatalog { catalog in
            var request = Self.request("a fox")
            request.model = Self.embeddings.word
            request.refiner = nil
            let error = #expect(throws: GenerationError.self) {
                try GenerationJob(request, models: catalog.models)
            }
            #expect(error?.code == "invalidModel")
        }
    }

    /// Of one step for each expert, unguided.
    private static func request(_ prompt: String) -> GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = prompt
        request.negativePrompt = "blurry"
        request.model = ModelCatalog.tinyBaseID
        request.cfgScale = 1
        request.seed = 1
        request.steps = 2
        request.embeddings = [
            GenerationRequest.Embedding(model: embeddings.word, weight: embeddings.weight)
        ]
        request.refiner = GenerationRequest.Refiner()
        request.refiner?.model = ModelCatalog.tinyRefinerID
        request.refiner?.startStep = 2
        return request
    }

    /// A models directory with the reference's embedding, or one of other shapes and zeros.
    private static func withCatalog(
        clipL: [Int]? = nil, openCLIP: [Int]? = nil, _ body: (ModelCatalog) throws -> Void
    ) throws {
        let vectors = try ReferenceTensors("conditioning.safetensors")
        func tensor(_ name: String, _ shape: [Int]?) throws -> SafetensorsBytes.Tensor {
            if let shape { return SafetensorsBytes.Tensor(name, "F32", shape) }
            let values = try vectors.float32("embedding.\(name)")
            return SafetensorsBytes.Tensor(
                name, "F32", try vectors.shape("embedding.\(name)"),
                bytes: values.flatMap { SafetensorsBytes.littleEndian($0.bitPattern) })
        }
        let file = SafetensorsBytes.file([
            try tensor("clip_l", clipL), try tensor("clip_g", openCLIP),
        ])
        try withTemporaryDirectory { directory in
            let path = "\(directory)/\(embeddings.word).safetensors"
            try Data(file).write(to: URL(filePath: path))
            try body(ModelCatalog(directory: directory))
        }
    }
}
