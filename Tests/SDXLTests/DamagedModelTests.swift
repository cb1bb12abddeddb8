import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Weights

/// A model whose weights are not numbers ends its jobs, saying where.
struct DamagedModelTests {
    @Test(arguments: [
        ("tiny-base.safetensors", "model.diffusion_model.out.2.bias", "base step 1 of 4", 0),
        ("tiny-refiner.safetensors", "model.diffusion_model.out.2.bias", "refiner step 3 of 4", 2),
        ("tiny-base.safetensors", "first_stage_model.decoder.conv_out.bias", "VAE decoded", 4),
    ])
    func `the first number that is none ends the job, naming phase and step`(
        file: String, tensor: String, place: String, stepsBefore: Int
    ) throws {
        try withTemporaryDirectory { directory in
            for name in ["tiny-base.safetensors", "tiny-refiner.safetensors"] {
                var bytes = try Data(contentsOf: Repository.models.appending(path: name))
                if name == file { try spoil(tensor, in: &bytes) }
                try bytes.write(to: URL(filePath: directory + "/" + name))
            }
            let generator = try SDXLGenerator(
                catalog: ModelCatalog(directory: directory), lanes: 1, threads: 1)
            var request = GenerationRequest()
            request.positivePrompt = "a lighthouse"
            request.model = "tiny-base"
            (request.width, request.height, request.steps) = (64, 64, 4)
            request.previewEvery = 1
            var refiner = GenerationRequest.Refiner()
            refiner.model = "tiny-refiner"
            refiner.startStep = 3
            request.refiner = refiner
            let job = try GenerationJob(request, models: generator.models)
            let run = try generator.makeRun(job, plan: generator.plan(job))
            var steps = 0
            do {
                while run.nextPhase != nil {
                    switch try run.advance() {
                    case .step:
                        steps += 1
                        // What cannot be decoded has no colours.
                        #expect((run.sketch() == nil) == tensor.contains("decoder"))
                    case .image: Issue.record("a picture came of it")
                    case .textEncoded, .imageEncoded: break
                    }
                }
            } catch let error as GenerationError {
                #expect(error.status == .internal && error.message.contains(place), "\(error)")
            }
            #expect(steps == stepsBefore)
        }
    }

    /// Makes a tensor's first element a float16 NaN.
    private func spoil(_ tensor: String, in bytes: inout Data) throws {
        let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let json = try JSONSerialization.jsonObject(with: bytes.dropFirst(8).prefix(header))
        let entry = try #require((json as? [String: Any])?[tensor] as? [String: Any])
        let offsets = try #require(entry["data_offsets"] as? [Int])
        bytes.replaceSubrange(
            8 + header + offsets[0]..<8 + header + offsets[0] + 2, with: [0, 0x7E])
    }
}
