import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Weights

/// Weighted and long prompts against the libraries compel and sd_embed: vectors of
/// make_conditioning.py.
struct PromptWeightsTests {
    struct Weights: Decodable, Sendable {
        var encoded: [Encoded]

        struct Encoded: Decodable, Sendable, CustomTestStringConvertible {
            var name: String
            var syntax: String
            var prompt: String

            var testDescription: String { name }
        }
    }

    @Test(arguments: ConditioningVectors.index.weights.encoded)
    func `the text encoders' states agree with the library's`(prompt: Weights.Encoded) throws {
        let vectors = try ConditioningVectors()
        var request = Self.request(prompt.prompt, prompt.syntax)
        request.cfgScale = 1
        let trace = try vectors.trace(of: request)
        for expert in ["base", "refiner"] {
            let name = "\(prompt.name).\(expert)"
            guard vectors.tensors.names.contains(name) else { continue }
            let own = "\(expert).encoder_hidden_states"
            #expect(try trace.shape(of: own) == vectors.tensors.shape(name))
            let distance = relativeL2(
                try ConditioningVectors.floats(trace, own), try vectors.tensors.float32(name))
            #expect(distance <= 2e-5, "\(name) is \(distance) away")
        }
    }

    @Test(arguments: ["compel", "sdEmbeds"])
    func `a short prompt without weights is encoded as ever`(syntax: String) throws {
        let vectors = try ConditioningVectors()
        let plain = try vectors.trace(of: Self.request("a red fox", nil))
        let weighted = try vectors.trace(of: Self.request("a red fox", syntax))
        // sd_embed pads the second encoder's chunks differently, which only its later states see.
        let name = syntax == "compel" ? "latents.final" : "base.text_embeds"
        #expect(
            try ConditioningVectors.floats(plain, name)
                == ConditioningVectors.floats(weighted, name))
    }

    @Test(arguments: ["compel", "sdEmbeds"])
    func `the shorter of prompt and negative prompt is filled with empty chunks`(
        syntax: String
    ) throws {
        let long = Array(repeating: "fox", count: 160).joined(separator: " ")
        for (positive, negative) in [(long, "blurry"), ("blurry", long), (long, nil)] {
            var request = Self.request(positive, syntax)
            request.negativePrompt = negative
            let trace = try ConditioningVectors().trace(of: request)
            #expect(trace.shape(of: "base.encoder_hidden_states") == [2, 231, 32])
            #expect(trace.shape(of: "base.text_embeds")?.first == 2)
            let states = try ConditioningVectors.floats(trace, "base.encoder_hidden_states")
            #expect(negative != nil || states.prefix(231 * 32).allSatisfy { $0 == 0 })
            #expect(
                try ConditioningVectors.floats(trace, "latents.final").allSatisfy(\.isFinite))
        }
    }

    @Test(arguments: [
        ("positivePrompt", "sdEmbeds", "a (b:1.2.3)", "character 6"),
        ("negativePrompt", "compel", "a (b", "character 3"),
    ])
    func `what cannot be read is refused by parameter and place`(
        field: String, syntax: String, prompt: String, place: String
    ) throws {
        var request = Self.request("a fox", syntax)
        if field == "positivePrompt" {
            request.positivePrompt = prompt
        } else {
            request.negativePrompt = prompt
        }
        let error = #expect(throws: GenerationError.self) {
            try ConditioningVectors().trace(of: request)
        }
        #expect(error?.fields == [field])
        #expect(error?.message.contains(place) == true)
    }

    @Test func `a prompt of more than ten chunks is refused`() {
        let error = #expect(throws: GenerationError.self) {
            try ConditioningVectors().trace(
                of: Self.request(String(repeating: "1 ", count: 751), "sdEmbeds"))
        }
        #expect(error?.code == "valueTooLarge")
    }

    /// Of one step for each expert.
    private static func request(_ prompt: String, _ syntax: String?) -> GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = prompt
        request.negativePrompt = "blurry"
        request.promptWeighting = syntax
        request.seed = 1
        request.steps = 2
        request.refiner = GenerationRequest.Refiner()
        request.refiner?.model = ModelCatalog.tinyRefinerID
        request.refiner?.startStep = 2
        return request
    }
}
