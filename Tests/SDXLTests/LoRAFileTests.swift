import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

/// LoRA files that are wrong: each is an error that names the file and the tensor.
struct LoRAFileTests {
    struct Hostile: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var tensors: [SafetensorsBytes.Tensor]
        /// The tensor at fault, and words about it.
        var tensor: String
        var words: String

        init(
            _ description: String, _ tensors: [SafetensorsBytes.Tensor], _ tensor: String,
            _ words: String
        ) {
            testDescription = description
            self.tensors = tensors
            self.tensor = tensor
            self.words = words
        }
    }

    /// A layer of the tiny base: 64 -> 64.
    static let layer = "lora_unet_middle_block_1_proj_in"
    static let down = layer + ".lora_down.weight"
    static let up = layer + ".lora_up.weight"

    /// Wrong by themselves.
    static let broken = [
        Hostile("no second matrix", [.init(down, "F16", [4, 64])], up, "is not in the file"),
        Hostile("no first matrix", [.init(up, "F16", [64, 4])], down, "is not in the file"),
        Hostile(
            "the partner in another style",
            [.init(down, "F16", [4, 64]), .init(layer + ".lora_B.weight", "F16", [64, 4])],
            layer + ".lora_A.weight", "is not in the file"),
        Hostile(
            "two ranks", [.init(down, "F16", [4, 64]), .init(up, "F16", [64, 8])], up,
            "has the rank 8, and its partner \"\(down)\" has 4"),
        Hostile(
            "no rank", [.init(down, "F16", [0, 64]), .init(up, "F16", [64, 0])], down,
            "has the rank 0; 1 to 4096 are allowed"),
        Hostile(
            "a rank beyond all", [.init(down, "F16", [4097, 1]), .init(up, "F16", [1, 4097])],
            down, "has the rank 4097"),
        Hostile(
            "three axes", [.init(down, "F16", [4, 64, 1]), .init(up, "F16", [64, 4])], down,
            "has the shape [4, 64, 1]"),
        Hostile(
            "one axis", [.init(down, "F16", [4, 64]), .init(up, "F16", [256])], up,
            "has the shape [256]"),
        Hostile(
            "whole numbers", [.init(down, "I64", [4, 64]), .init(up, "F16", [64, 4])], down,
            "is I64; weights are"),
        Hostile(
            "two alphas",
            [
                .init(down, "F16", [4, 64]), .init(up, "F16", [64, 4]),
                .init(layer + ".alpha", "F16", [2]),
            ], layer + ".alpha", "an alpha is one number"),
        Hostile(
            "an alpha alone", [.init(layer + ".alpha", "F16", [])], layer + ".alpha",
            "belongs to no pair"),
        Hostile(
            "another kind",
            [
                .init(down, "F16", [4, 64]), .init(up, "F16", [64, 4]),
                .init(layer + ".dora_scale", "F16", [64]),
            ], layer + ".dora_scale", "is no part of a plain LoRA"),
        Hostile(
            "Stable Diffusion 1's only text encoder",
            [
                .init("lora_te_x.lora_down.weight", "F16", [4, 64]),
                .init("lora_te_x.lora_up.weight", "F16", [64, 4]),
            ], "lora_te_x.lora_down.weight", "is for no network of SDXL"),
        Hostile(
            "a transformer's",
            [
                .init("transformer.x.lora_A.weight", "F16", [4, 64]),
                .init("transformer.x.lora_B.weight", "F16", [64, 4]),
            ], "transformer.x.lora_A.weight", "is for no network of SDXL"),
    ]

    /// Right by themselves, and wrong for the model.
    static let unfit = [
        Hostile(
            "too few inputs", [.init(down, "F16", [4, 32]), .init(up, "F16", [64, 4])], down,
            "has the shape [4, 32], where [any, 64] is needed"),
        Hostile(
            "too many outputs", [.init(down, "F16", [4, 64]), .init(up, "F16", [65, 4])], up,
            "has the shape [65, 4], where [64, any] is needed"),
        Hostile(
            "a 3x3 convolution where none is",
            [.init(down, "F16", [4, 64, 3, 3]), .init(up, "F16", [64, 4, 1, 1])], down,
            "has the shape [4, 64, 3, 3], where [any, 64] is needed"),
        Hostile(
            "no 3x3 convolution where one is",
            [
                .init("lora_unet_out_2.lora_down.weight", "F16", [4, 64]),
                .init("lora_unet_out_2.lora_up.weight", "F16", [4, 4]),
            ], "lora_unet_out_2.lora_down.weight",
            "has the shape [4, 64], where [any, 64, 3, 3] is needed"),
        Hostile(
            "a wide second matrix",
            [.init(down, "F16", [4, 64]), .init(up, "F16", [64, 4, 3, 3])], up,
            "has the shape [64, 4, 3, 3]"),
    ]

    @Test(arguments: broken) func `a broken file is refused when it is opened`(
        hostile: Hostile
    ) throws {
        let error = try #require(throws: ModelFileError.self) { try Self.file(hostile) }
        check(error, hostile)
    }

    @Test(arguments: unfit) func `a file that does not fit is refused for the model`(
        hostile: Hostile
    ) throws {
        let file = try Self.file(hostile)
        let layers = try AdaptableLayers(of: Expert(base: StoredModel(BuiltIn.base())))
        let error = try #require(throws: ModelFileError.self) { try file.match(layers) }
        check(error, hostile)
    }

    @Test func `a 1x1 convolution is a matrix`() throws {
        let file = try LoRAFile(
            ModelFile(
                name: "x.safetensors",
                bytes: SafetensorsBytes.file([
                    .init(Self.down, "F16", [4, 64, 1, 1]), .init(Self.up, "F16", [64, 4]),
                ])))
        let match = try file.match(AdaptableLayers(of: Expert(base: StoredModel(BuiltIn.base()))))
        #expect(match.modules.map(\.layer.name) == ["middle_block.1.proj_in"])
        #expect(match.unmatched.isEmpty)
    }

    @Test(arguments: [0x7C00, 0xFC00, 0x7E00] as [UInt16])
    func `an alpha that is no number is refused when it is read`(bits: UInt16) throws {
        let file = try LoRAFile(
            ModelFile(
                name: "x.safetensors",
                bytes: SafetensorsBytes.file([
                    .init(Self.down, "F16", [4, 64]), .init(Self.up, "F16", [64, 4]),
                    .init(
                        Self.layer + ".alpha", "F16", [], bytes: SafetensorsBytes.littleEndian(bits)
                    ),
                ])))
        let error = try #require(throws: ModelFileError.self) {
            try file.adapter(file.modules[0], weight: 1)
        }
        #expect(error.tensor == Self.layer + ".alpha")
    }

    @Test func `without an alpha the change counts once, else alpha / rank times`() throws {
        let pair: [SafetensorsBytes.Tensor] = [
            .init(Self.down, "F16", [4, 64]), .init(Self.up, "F16", [64, 4]),
        ]
        let three = SafetensorsBytes.littleEndian(Float(3).bitPattern)
        for (alpha, scale) in [
            ([], 0.5),
            ([SafetensorsBytes.Tensor(Self.layer + ".alpha", "F32", [1], bytes: three)], 0.375),
        ] as [([SafetensorsBytes.Tensor], Float)] {
            let file = try LoRAFile(
                ModelFile(name: "x.safetensors", bytes: SafetensorsBytes.file(pair + alpha)))
            #expect(try file.adapter(file.modules[0], weight: 0.5).scale == scale)
        }
    }

    @Test func `a broken one is listed with its problem`() throws {
        try withTemporaryDirectory { directory in
            let bytes = SafetensorsBytes.file(Self.broken[0].tensors)
            try Data(bytes).write(to: URL(fileURLWithPath: directory + "/half.safetensors"))
            let generator = try SDXLGenerator(
                catalog: ModelCatalog(directory: directory), lanes: 1, threads: 1)
            let model = try #require(generator.models.first { $0.id == "half" })
            #expect(model.role == .unusable)
            #expect(model.problem.contains("half.safetensors, tensor \"\(Self.up)\""))
        }
    }

    private static func file(_ hostile: Hostile) throws -> LoRAFile {
        try LoRAFile(
            ModelFile(name: "x.safetensors", bytes: SafetensorsBytes.file(hostile.tensors)))
    }

    private func check(_ error: ModelFileError, _ hostile: Hostile) {
        #expect(error.file == "x.safetensors")
        #expect(error.tensor == hostile.tensor)
        #expect(error.description.contains(hostile.words), "\(error)")
    }
}
