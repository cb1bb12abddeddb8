import Foundation
import TestSupport
import Testing
import Weights

struct ModelArchitectureTests {
    struct Sample: Sendable, CustomStringConvertible {
        var description: String
        var tensors: [SafetensorsBytes.Tensor]
        var architecture: ModelArchitecture

        init(
            _ description: String, _ architecture: ModelArchitecture,
            _ tensors: [SafetensorsBytes.Tensor]
        ) {
            self.description = description
            self.tensors = tensors
            self.architecture = architecture
        }

        /// Tensors of one element each.
        init(_ description: String, _ architecture: ModelArchitecture, names: [String]) {
            self.init(description, architecture, names.map { .init($0, "F16", [1]) })
        }
    }

    @Test(arguments: unets + others)
    func `is told from its tensors`(_ sample: Sample) throws {
        // A name and metadata that lie change nothing.
        let file = try ModelFile(
            name: "sd_xl_base_1.0.safetensors",
            bytes: SafetensorsBytes.file(
                sample.tensors,
                metadata: ["modelspec.architecture": "stable-diffusion-xl-v1-base"]))
        #expect(ModelArchitecture(file) == sample.architecture)
    }

    private static let unets: [Sample] = [
        Sample("SDXL base", .sdxlBase, original(stages: 3, vector: true)),
        Sample("SDXL refiner", .sdxlRefiner, original(stages: 4, vector: true)),
        Sample("SDXL inpainting", .sdxlInpainting, original(stages: 3, inputs: 9, vector: true)),
        Sample("SDXL editing", .sdxlEditing, original(stages: 3, inputs: 8, vector: true)),
        Sample("SDXL base's U-Net alone", .sdxlBase, original("", stages: 3, vector: true)),
        Sample(
            "SD 1 with its encoder", .stableDiffusion1,
            original(stages: 4) + [.init("cond_stage_model.transformer.text_model.x", "F16", [1])]),
        Sample(
            "SD 2 with its encoder", .stableDiffusion2,
            original(stages: 4) + [.init("cond_stage_model.model.ln_final.bias", "F16", [1])]),
        Sample(
            "SD 2 unCLIP, which has a vector too", .stableDiffusion2,
            original(stages: 4, vector: true)
                + [.init("cond_stage_model.model.ln_final.bias", "F16", [1])]),
        Sample(
            "SD 1 inpainting", .stableDiffusion1, original(stages: 4, inputs: 9, textWidth: 768)),
        Sample("SD 2's U-Net alone", .stableDiffusion2, original("", stages: 4, textWidth: 1024)),
        Sample("diffusers' SDXL base U-Net", .sdxlBase, diffusers(stages: 3, vector: true)),
        Sample("diffusers' SDXL refiner U-Net", .sdxlRefiner, diffusers(stages: 4, vector: true)),
        Sample(
            "diffusers' SDXL inpainting U-Net", .sdxlInpainting,
            diffusers(stages: 3, inputs: 9, vector: true)),
        Sample(
            "diffusers' SD 1 U-Net", .stableDiffusion1, diffusers(stages: 4, textWidth: 768)),
        Sample(
            "U-Net of five stages",
            .unknown(
                hint:
                    "the first of its 17 tensors is \"model.diffusion_model.input_blocks.0.0.weight\""
            ),
            original(stages: 5, vector: true).sorted { $0.name < $1.name }),
    ]

    private static let others: [Sample] = [
        Sample(
            "SD 3", .stableDiffusion3,
            names: ["model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight"]),
        Sample(
            "diffusers' SD 3", .stableDiffusion3,
            names: ["transformer_blocks.0.norm1_context.linear.weight"]),
        Sample(
            "FLUX", .flux,
            names: ["double_blocks.0.img_attn.norm.key_norm.scale", "final_layer.linear.weight"]),
        Sample(
            "diffusers' FLUX", .flux,
            names: [
                "single_transformer_blocks.0.proj_mlp.weight",
                "transformer_blocks.0.norm1_context.linear.weight",
            ]),
        Sample(
            "HiDream", .hiDream,
            names: [
                "model.diffusion_model.caption_projection.0.linear.weight",
                "model.diffusion_model.double_stream_blocks.0.block.adaLN_modulation.1.weight",
            ]),
        Sample("Stable Cascade", .stableCascade, names: ["clip_txt_pooled_mapper.weight"]),
        Sample("PixArt", .pixArt, names: ["adaln_single.linear.weight"]),
        Sample(
            "Hunyuan Video", .diffusionTransformer,
            names: ["model.double_blocks.0.img_attn_qkv.weight"]),
        Sample(
            "LoRA for SDXL", .lora,
            names: ["lora_unet_input_blocks_4_1_proj_in.lora_down.weight"]),
        Sample(
            "LoRA for FLUX", .lora,
            names: ["transformer.single_transformer_blocks.0.proj_mlp.lora_A.weight"]),
        Sample("LoHa", .lora, names: ["oft_unet.x.hada_w1_a"]),
        Sample(
            "LCM in the original layout", .latentConsistency,
            names: [
                "model.diffusion_model.input_blocks.0.0.weight",
                "model.diffusion_model.time_embed.cond_proj.weight",
            ]),
        Sample(
            "LCM in diffusers' layout", .latentConsistency,
            names: ["conv_in.weight", "time_embedding.cond_proj.weight"]),
        Sample(
            "ControlNet", .controlNet,
            names: ["control_model.input_blocks.0.0.weight", "control_model.zero_convs.0.0.bias"]),
        Sample(
            "diffusers' ControlNet", .controlNet,
            names: ["controlnet_cond_embedding.conv_in.weight", "conv_in.weight"]),
        Sample("VAE", .vae, names: ["first_stage_model.decoder.conv_in.weight"]),
        Sample(
            "diffusers' VAE", .vae, names: ["decoder.conv_in.weight", "encoder.conv_in.weight"]),
        Sample("CLIP", .textEncoder, names: ["text_model.final_layer_norm.weight"]),
        Sample(
            "T5", .textEncoder, names: ["encoder.block.0.layer.0.SelfAttention.q.weight"]),
        Sample("nothing", .unknown(hint: "a file without tensors"), []),
        Sample(
            "something else", .unknown(hint: "the first of its 1 tensors is \"anything\\'s\""),
            names: ["anything's"]),
    ]

    private static func original(
        _ prefix: String = "model.diffusion_model.", stages: Int, inputs: Int = 4,
        vector: Bool = false, textWidth: Int? = nil
    ) -> [SafetensorsBytes.Tensor] {
        [.init(prefix + "input_blocks.0.0.weight", "F16", [32, inputs, 3, 3])]
            + (1..<stages * 3).map { .init(prefix + "input_blocks.\($0).0.x", "F16", [1]) }
            + (vector ? [.init(prefix + "label_emb.0.0.weight", "F16", [8, 8])] : [])
            + (textWidth.map {
                [
                    .init(
                        prefix + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", "F16",
                        [2, $0])
                ]
            } ?? [])
            + (stages == 5 ? [.init(prefix + "out.2.bias", "F16", [1])] : [])
    }

    private static func diffusers(
        stages: Int, inputs: Int = 4, vector: Bool = false, textWidth: Int? = nil
    ) -> [SafetensorsBytes.Tensor] {
        [.init("conv_in.weight", "F16", [32, inputs, 3, 3])]
            + (0..<stages).map { .init("down_blocks.\($0).resnets.0.x", "F16", [1]) }
            + (vector ? [.init("add_embedding.linear_1.weight", "F16", [8, 8])] : [])
            + (textWidth.map {
                [
                    .init(
                        "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", "F16",
                        [2, $0])
                ]
            } ?? [])
    }

    // MARK: The built-in models, hints and predictions

    @Test(arguments: [("tiny-base", ModelArchitecture.sdxlBase), ("tiny-refiner", .sdxlRefiner)])
    func `the built-in models are known, and their hints read`(
        _ name: String, _ architecture: ModelArchitecture
    ) throws {
        let file = try ModelFile(
            path: Repository.models.appending(path: "\(name).safetensors").path)
        #expect(ModelArchitecture(file) == architecture)
        let hints = try SDXLHints(file)
        #expect(hints.unetHeadDimension == 16)
        #expect(hints.textEncoderHeadDimension == 4)
        #expect(hints.textEncoder2HeadDimension == 4)
        #expect(PredictionType(file) == .epsilon)
    }

    @Test func `a published file has no hints, and heads of 64`() throws {
        let file = try ModelFile(name: "published", bytes: SafetensorsBytes.file(header: "{}"))
        #expect(try SDXLHints(file) == SDXLHints())
        #expect(SDXLHints().unetHeadDimension == 64)
        #expect(SDXLHints().textEncoderHeadDimension == 64)
        #expect(SDXLHints().textEncoder2HeadDimension == 64)
    }

    @Test(arguments: [
        ("", "expected an object"), ("[]", "expected an object"), ("{", "expected a string"),
        (#"{\"unet_head_dim\":0}"#, "\"unet_head_dim\" is 0, not within 1...1024"),
        (#"{\"unet_head_dim\":1025}"#, "\"unet_head_dim\" is 1025, not within 1...1024"),
        (#"{\"unet_head_dim\":-1}"#, "expected a whole number that is not negative"),
        (#"{\"unet_head_dim\":1,\"unet_head_dim\":2}"#, "\"unet_head_dim\" occurs twice"),
        (#"{\"heads\":1}"#, "\"heads\" is not a known hint"), ("{} 1", "expected the header's end"),
    ])
    func `wrong hints are refused`(_ json: String, _ words: String) throws {
        let file = try ModelFile(
            name: "hints", bytes: SafetensorsBytes.file([], metadata: ["sdxl_hints": json]))
        #expect(throws: ModelFileError(file: "hints", .badHints(words))) { try SDXLHints(file) }
    }

    @Test(arguments: [
        ("v_pred", PredictionType.v), ("edm_mean", .edm), ("edm_vpred.sigma_max", .edm),
        ("weight", .epsilon),
    ])
    func `what is predicted shows in a tensor's name`(
        _ name: String, _ prediction: PredictionType
    ) throws {
        let file = try ModelFile(
            name: "prediction", bytes: SafetensorsBytes.file([.init(name, "F16", [])]))
        #expect(PredictionType(file) == prediction)
    }
}
