import Foundation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Tokenization
@testable import Weights

/// Each network alone against single calls of diffusers' modules, whole and in parts, so that a fault
/// is found where it is.
struct NetworkTests {
    let vectors: ReferenceTensors
    let base: Expert
    let refiner: Expert
    let compute: Compute

    init() throws {
        vectors = try ReferenceTensors("modules.safetensors")
        base = try Expert(base: StoredModel(BuiltIn.base()))
        refiner = try Expert(refiner: StoredModel(BuiltIn.refiner()))
        compute = try Compute(threads: 2, memoryByteCount: 4 << 30)
    }

    @Test func `CLIP-L gives every hidden state of transformers`() throws {
        try checkTextEncoder(#require(base.clipL), "text_encoder")
    }

    @Test func `the base's OpenCLIP gives the hidden states and the pooled vector`() throws {
        try checkTextEncoder(base.openCLIP, "text_encoder_2")
    }

    @Test func `the refiner's OpenCLIP is its own`() throws {
        try checkTextEncoder(refiner.openCLIP, "refiner_text_encoder_2")
    }

    private func checkTextEncoder(_ encoder: TextEncoder, _ name: String) throws {
        let ids = try vectors.int32("\(name).ids")
        let end = try #require(ids.firstIndex(of: CLIPTokenizer.endOfText))
        let prompt = TokenizedPrompt(ids: ids, endIndex: end, truncatedCount: 0)
        let (states, pooled) = encoder.encode([prompt], compute)
        try check(states, "\(name).hidden.\(encoder.layers.count - 1)")
        if let pooled {
            try check(pooled, "\(name).text_embeds")
        }
    }

    @Test(arguments: ["base", "refiner"], ["even", "odd", "flat"])
    func `the UNet predicts the noise that diffusers' predicts`(
        expert: String, size: String
    ) throws {
        let unet = expert == "base" ? base.unet : refiner.unet
        let name = "unet.\(expert).\(size)"
        let conditioning = try conditioning(name, unet)
        let timestep = try vectors.float32("\(name).timestep")[0]
        let sample = try activation("\(name).sample")
        let predicted = unet.predictNoise(sample, timestep: timestep, conditioning, compute)
        // From modules.json: 5e-4 where the latents are zeros, 2e-5 else.
        try check(predicted, "\(name).out", tolerance: size == "flat" ? 5e-4 : 2e-5)

        guard size != "flat" else { return }
        let embedding = unet.embed(timestep, conditioning, compute)
        let time = try vectors.float32("\(name).time_embedding")
        let label = try vectors.float32("\(name).add_embedding")
        let sum = zip(time, label).map { $0 + $1 }
        #expect(relativeL2(copy(embedding), sum) < 2e-5, "\(name): the embeddings' sum")
    }

    @Test(arguments: ["base", "refiner"])
    func `sinusoids are cosines, then sines`(expert: String) throws {
        let unet = expert == "base" ? base.unet : refiner.unet
        let name = "unet.\(expert).even"
        var out = [Float](repeating: 0, count: unet.modelChannels)
        Sinusoids.write(
            try vectors.float32("\(name).timestep")[0], width: unet.modelChannels, to: &out)
        #expect(try relativeL2(out, vectors.float32("\(name).time_proj")) < 2e-5)
        let ids = try vectors.float32("\(name).time_ids")
        var projected = [Float](repeating: 0, count: ids.count * unet.timeIDWidth)
        projected.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            for (index, id) in ids.enumerated() {
                Sinusoids.write(
                    id, width: unet.timeIDWidth, to: start + index * unet.timeIDWidth)
            }
        }
        #expect(try relativeL2(projected, vectors.float32("\(name).add_time_proj")) < 2e-5)
    }

    @Test(arguments: ["base", "refiner"])
    func `a transformer over a faint picture shows its norm's epsilon`(expert: String) throws {
        let unet = expert == "base" ? base.unet : refiner.unet
        let name = "unet.\(expert).faint_attention"
        let transformer = try #require(firstTransformer(unet))
        let context = try text("\(name).encoder_hidden_states")
        let out = transformer.forward(
            try activation("\(name).hidden_states"),
            transformer.keysAndValues(of: context, compute),
            compute)
        try check(out, "\(name).out")
    }

    @Test(arguments: ["base", "refiner"])
    func `the parts of the first transformer agree`(expert: String) throws {
        let unet = expert == "base" ? base.unet : refiner.unet
        let name = "unet.\(expert).even.down_blocks.1"
        let block = "\(name).attentions.0.transformer_blocks.0"
        let transformer = try #require(firstTransformer(unet))
        let input = try activation("\(name).resnets.0")
        try check(compute.groupNorm(input, transformer.norm), "\(name).attentions.0.norm")
        let hidden = compute.linear(
            compute.groupNorm(input, transformer.norm), transformer.projectionIn)
        try check(hidden, "\(name).attentions.0.proj_in")
        let first = transformer.blocks[0]
        try check(compute.layerNorm(hidden, first.norm1), "\(block).norm1")
        let gated = compute.gatedLinear(try text("\(block).norm3"), first.expand)
        try check(gated, "\(block).ff.net.0")
        let prompt = transformer.keysAndValues(
            of: try text("unet.\(expert).even.encoder_hidden_states"), compute)
        first.forward(hidden, prompt[0], compute)
        try check(hidden, block)
        try check(transformer.forward(input, prompt, compute), "\(name).attentions.0")
    }

    @Test(arguments: [("a", 2e-5), ("b", 5e-5), ("flat", 5e-5)])
    func `the VAE decodes to the picture that diffusers' decodes`(
        size: String, tolerance: Double
    ) throws {
        let decoder = try #require(base.decoder)
        let out = decoder.decode(try activation("vae.decode.\(size).latents"), compute)
        try check(out, "vae.decode.\(size).out", tolerance: tolerance)
    }

    @Test(arguments: [("a", 5e-5), ("b", 2e-5)])
    func `the VAE encodes to the distribution that diffusers' encodes to`(
        size: String, tolerance: Double
    ) throws {
        let encoder = try #require(base.encoder)
        let name = "vae.encode.\(size)"
        let moments = encoder.encode(try activation("\(name).image"), compute)
        let values = (0..<moments.count).map { index in
            moments.data[index % moments.tokens * moments.channels + index / moments.tokens]
        }
        let half = values.count / 2
        let mean = try relativeL2(Array(values[..<half]), vectors.float32("\(name).mean"))
        let variance = try relativeL2(Array(values[half...]), vectors.float32("\(name).logvar"))
        #expect(mean <= tolerance && variance <= tolerance, "\(name): \(mean), \(variance)")
        if size == "b" {
            try check(moments, "\(name).quant_conv")
        }
    }

    @Test func `the refiner's file has the whole VAE too`() throws {
        #expect(refiner.encoder != nil && refiner.decoder != nil)
    }

    private func firstTransformer(_ unet: UNet) -> SpatialTransformer? {
        for case .residual(_, let transformer?) in unet.down { return transformer }
        return nil
    }

    private func conditioning(_ name: String, _ unet: UNet) throws -> UNet.Conditioning {
        let pooled = try vectors.float32("\(name).text_embeds")
        let activation = compute.activation(
            images: 1, height: 1, width: 1, channels: pooled.count)
        activation.data.update(from: pooled, count: pooled.count)
        return UNet.Conditioning(
            prompt: unet.keysAndValues(of: try text("\(name).encoder_hidden_states"), compute),
            pooled: activation,
            timeIDs: [try vectors.float32("\(name).time_ids")])
    }

    /// [1, channels, height, width] of the vectors as token-major.
    private func activation(_ name: String) throws -> Activation {
        let shape = try vectors.shape(name)
        let out = compute.activation(
            images: 1, height: shape[2], width: shape[3], channels: shape[1])
        for (index, value) in try vectors.float32(name).enumerated() {
            out.data[index % out.tokens * out.channels + index / out.tokens] = value
        }
        return out
    }

    /// [1, tokens, channels] of the vectors.
    private func text(_ name: String) throws -> Activation {
        let shape = try vectors.shape(name)
        let out = compute.activation(images: 1, height: 1, width: shape[1], channels: shape[2])
        out.data.update(from: try vectors.float32(name), count: out.count)
        return out
    }

    private func check(
        _ got: Activation, _ name: String, tolerance: Double = 2e-5,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let isPicture = try vectors.shape(name).count == 4
        var values = copy(got)
        if isPicture {
            values = (0..<got.count).map { index in
                got.data[index % got.tokens * got.channels + index / got.tokens]
            }
        }
        let distance = try relativeL2(values, vectors.float32(name))
        #expect(
            distance <= tolerance, "\(name): relative L2 \(distance)",
            sourceLocation: sourceLocation)
    }

    private func copy(_ activation: Activation) -> [Float] {
        Array(UnsafeBufferPointer(start: activation.data, count: activation.count))
    }
}

/// The built-in checkpoints as files.
enum BuiltIn {
    static func base() throws -> ModelFile {
        try ModelFile(path: Repository.models.appending(path: "tiny-base.safetensors").path)
    }

    static func refiner() throws -> ModelFile {
        try ModelFile(path: Repository.models.appending(path: "tiny-refiner.safetensors").path)
    }
}
