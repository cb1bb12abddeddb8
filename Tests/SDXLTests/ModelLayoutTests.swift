import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Tokenization
@testable import Weights

/// The same numbers in another file give the same bits, network by network.
struct ModelLayoutTests {
    /// Of the two built-in checkpoints' stages.
    private static let channels = [[64, 32, 64], [64, 32, 32, 64]]

    @Test(arguments: ["F32", "BF16"])
    func `a single file of another type gives every bit of the float16 one`(type: String) throws {
        for (isRefiner, file) in [(false, try BuiltIn.base()), (true, try BuiltIn.refiner())] {
            let bytes = SafetensorsBytes.file(
                try ModelLayouts.converted(ModelLayouts.tensors(file), to: type),
                metadata: ["sdxl_hints": Self.hints])
            let other = try StoredModel(ModelFile(name: type, bytes: bytes))
            #expect(other.files[0].typeSummary == type)
            try expectEqual(other, try StoredModel(file), isRefiner: isRefiner)
        }
    }

    @Test(arguments: [("F16", 1, "text_model."), ("F32", 3, "text_model."), ("BF16", 2, "")])
    func `a folder in diffusers' layout gives every bit of the single file`(
        type: String, shards: Int, textLevel: String
    ) throws {
        try withTemporaryDirectory { directory in
            for (isRefiner, file) in [(false, try BuiltIn.base()), (true, try BuiltIn.refiner())] {
                let folder = directory + "/made-\(isRefiner ? "refiner" : "base")"
                try ModelLayouts.writeFolder(
                    file, channels: Self.channels[isRefiner ? 1 : 0], type: type, shards: shards,
                    textLevel: textLevel, to: folder)
                let name = isRefiner ? "made-refiner" : "made-base"
                let catalog = try ModelCatalog(directory: directory)
                let description = try #require(catalog.models.first { $0.id == name })
                #expect(description.problem == "")
                #expect(description.role == (isRefiner ? .refiner : .base))
                #expect(description.dtype == type)
                #expect(description.defaultSize == ImageSize(height: 128, width: 128))
                let stored = try #require(catalog.stored(name))
                try expectEqual(stored, try StoredModel(file), isRefiner: isRefiner)
            }
        }
    }

    @Test(arguments: [
        "first_stage_model.", "", "vae.", "diffusers", "diffusers, older names",
    ])
    func `a VAE of its own decodes as the checkpoint's does, however it names its tensors`(
        naming: String
    ) throws {
        try withTemporaryDirectory { directory in
            let own = ModelLayouts.under(
                "first_stage_model.", try ModelLayouts.tensors(BuiltIn.base()))
            let tensors =
                naming.hasPrefix("diffusers")
                ? ModelLayouts.diffusersVAE(own, olderAttention: naming.hasSuffix("names"))
                : own.map { .init(naming + $0.name, $0.dtype, $0.shape, bytes: $0.bytes) }
            try Data(SafetensorsBytes.file(tensors))
                .write(to: URL(filePath: directory + "/fp16-fix.safetensors"))
            let catalog = try ModelCatalog(directory: directory)
            #expect(catalog.models[0].role == .vae && catalog.models[0].problem.isEmpty)
            let stored = try StoredModel(BuiltIn.base())
            let vae = try VAE(#require(catalog.stored("fp16-fix")))
            let plain = try Expert(base: stored)
            let expert = plain.with(vae)
            #expect(expert.digest != plain.digest && expert.files.count == 2)
            let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
            #expect(
                try decode(expert, compute) == decode(Expert(base: stored), compute),
                "\(naming)")
        }
    }

    @Test
    func `a part that is missing, a shard that is gone, a wrong configuration: each is named`()
        throws
    {
        try withTemporaryDirectory { directory in
            func problem(_ break: (URL) throws -> Void) throws -> String {
                let folder = URL(filePath: directory).appending(path: "made")
                try? FileManager.default.removeItem(at: folder)
                try ModelLayouts.writeFolder(
                    BuiltIn.base(), channels: Self.channels[0], type: "F16", shards: 2,
                    to: folder.path)
                try `break`(folder)
                return try ModelCatalog(directory: directory).models[0].problem
            }
            func replace(_ file: String, _ text: String) throws -> String {
                try problem { try Data(text.utf8).write(to: $0.appending(path: file)) }
            }
            func remove(_ file: String) throws -> String {
                try problem { try FileManager.default.removeItem(at: $0.appending(path: file)) }
            }
            let shard = "unet/diffusion_pytorch_model-00002-of-00002.safetensors"
            let index = "unet/diffusion_pytorch_model.safetensors.index.json"
            for (problem, words) in [
                (try remove("vae"), "it lacks the VAE;"),
                (try remove("text_encoder"), "it lacks the CLIP-L text encoder;"),
                (try remove(shard), "made/\(shard): cannot be read"),
                (try remove("unet/config.json"), "made/unet/config.json: cannot be read"),
                (
                    try remove("vae/diffusion_pytorch_model.safetensors"),
                    "made/vae: cannot be read: it holds neither"
                ),
                (
                    try replace("unet/config.json", #"{"block_out_channels": [64]}"#),
                    "\"attention_head_dim\" is missing"
                ),
                (
                    try replace(
                        "unet/config.json",
                        #"{"block_out_channels": [64, 32, 64], "attention_head_dim": 4}"#),
                    "SDXL's heads are equally wide"
                ),
                (
                    try replace("vae/config.json", #"{"scaling_factor": 0.18215}"#),
                    "has the scaling factor 0.18215"
                ),
                (
                    try replace(index, #"{"weight_map": {"a": "../a.safetensors"}}"#),
                    "a shard in another folder"
                ),
            ] {
                #expect(problem.contains(words), "\(problem)")
            }
        }
    }

    @Test func `two shards that hold the same tensor are refused`() throws {
        let file = try BuiltIn.base()
        #expect(throws: ModelFileError.self) {
            try ModelFile(name: "twice", shards: [file, file])
        }
    }

    // MARK: - Comparing

    private static let hints =
        #"{\"unet_head_dim\": 16, \"text_encoder_head_dim\": 4, \"text_encoder_2_head_dim\": 4}"#

    private func expectEqual(
        _ got: StoredModel, _ wanted: StoredModel, isRefiner: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        func expert(_ model: StoredModel) throws -> Expert {
            isRefiner ? try Expert(refiner: model) : try Expert(base: model)
        }
        let (one, other) = (try expert(got), try expert(wanted))
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        func equal(_ what: String, _ run: (Expert) throws -> [Float]) throws {
            let same = try run(one) == run(other)
            #expect(same, "\(got.name): \(what)", sourceLocation: sourceLocation)
        }
        let prompt = CLIPTokenizer.shared.encode("a lighthouse at dawn", padding: .zero)
        func text(_ encoder: TextEncoder) -> [Float] {
            compute.scoped {
                let (states, pooled) = encoder.encode([prompt], skippedLayers: [0], compute)
                return floats(states) + (pooled.map(floats) ?? [])
            }
        }
        try equal("OpenCLIP") { text($0.openCLIP) }
        if one.clipL != nil { try equal("CLIP-L") { text($0.clipL ?? $0.openCLIP) } }
        if one.decoder != nil { try equal("VAE") { try decode($0, compute) } }
        try equal("U-Net") { expert in
            compute.scoped {
                let unet = expert.unet
                let predicted = unet.predictNoise(
                    ramp(compute, height: 6, width: 5, channels: 4), timestep: 500,
                    UNet.Conditioning(
                        prompt: unet.keysAndValues(
                            of: ramp(compute, height: 1, width: 77, channels: unet.contextWidth),
                            compute),
                        pooled: ramp(compute, height: 1, width: 1, channels: unet.pooledWidth),
                        timeIDs: [(0..<unet.timeIDCount).map(Float.init)]), compute)
                return floats(predicted)
            }
        }
    }

    private func decode(_ expert: Expert, _ compute: Compute) throws -> [Float] {
        let decoder = try #require(expert.decoder)
        return compute.scoped {
            floats(decoder.decode(ramp(compute, height: 4, width: 6, channels: 4), compute))
        }
    }

    /// Something of no special form, within -1...1.
    private func ramp(_ compute: Compute, height: Int, width: Int, channels: Int) -> Activation {
        let out = compute.activation(images: 1, height: height, width: width, channels: channels)
        for index in 0..<out.count { out.data[index] = Float(index * 37 % 101) / 50 - 1 }
        return out
    }

    private func floats(_ activation: Activation) -> [Float] {
        Array(UnsafeBufferPointer(start: activation.data, count: activation.count))
    }
}
