import TestSupport
import Testing

/// The vectors that all numeric tests stand on are there, whole and readable.
struct ReferenceVectorTests {
    @Test(arguments: ReferenceCase.all)
    func `every tensor of a case has as many values as its shape says`(
        _ reference: ReferenceCase
    ) throws {
        for name in reference.tensors.keys.sorted() {
            let elementCount = try reference.shape(name).reduce(1, *)
            let valueCount =
                name.hasPrefix("tokens.")
                ? try reference.int32(name).count : try reference.float32(name).count
            #expect(valueCount == elementCount, "\(name) of \(reference)")
        }
        // A handoff in the middle of a two-evaluation step makes one evaluation twice.
        let repeated = reference.baseEvaluations - reference.refinerFirstEvaluation
        #expect(
            try reference.float64("timesteps").count == reference.phases.count - repeated)
        #expect(reference.phases.filter(\.isRefiner).isEmpty == !reference.has("eps.refiner"))
    }

    @Test func `a case tells its inputs`() throws {
        let reference = try ReferenceCase.named("euler_batch2_prompts")
        #expect(reference.inputs.prompts.count == 2)
        #expect(reference.inputs.seeds == [12, 13])
        #expect(reference.inputs.negativePrompts?.last == "people")
        #expect(reference.tolerance("latents.final") > 0)
        #expect(reference.tolerances["base.encoder_hidden_states"] != nil)
        #expect(try ReferenceCase.named("heun_80_8_continuous").inputs.isContinuous)
    }

    @Test func `a missing tensor, file or type is an error that names it`() throws {
        let tensors = try ReferenceTensors("modules.safetensors")
        let name = try #require(tensors.names.first)
        let missing = #expect(throws: ReferenceError.self) { try tensors.float32("no such") }
        #expect(missing?.description.contains("modules.safetensors") == true)
        #expect(throws: ReferenceError.self) { try tensors.int32(name) }
        #expect(throws: (any Error).self) { try ReferenceTensors("no such.safetensors") }
    }

    @Test func `halves widen exactly`() {
        for bits in UInt16.min...UInt16.max {
            let expected = Float(Float16(bitPattern: bits))
            let widened = Float(halfBits: bits)
            if widened.bitPattern != expected.bitPattern && !expected.isNaN {
                Issue.record("\(bits): \(widened), not \(expected)")
            }
        }
    }
}
