/// What kind of model a file holds, told from its tensors' names and shapes. The file's name and
/// metadata have no say: both are often wrong.
public enum ModelArchitecture: Equatable, Sendable {
    case sdxlBase
    case sdxlRefiner
    /// Nine input channels: latents, mask, masked latents.
    case sdxlInpainting
    /// Eight input channels: latents and a picture to edit.
    case sdxlEditing
    case stableDiffusion1
    case stableDiffusion2
    case stableDiffusion3
    case flux
    case hiDream
    case stableCascade
    case pixArt
    /// A diffusion transformer of another family.
    case diffusionTransformer
    case lora
    case controlNet
    /// A U-Net that takes guidance as an input, distilled for few steps.
    case latentConsistency
    /// A VAE and no denoising network.
    case vae
    /// A text encoder and no denoising network.
    case textEncoder
    /// Learned vectors for both text encoders of SDXL.
    case textualInversion
    /// `hint` tells what the tensors are like.
    case unknown(hint: String)

    /// Detects it. Touches names and shapes only.
    public init(_ file: ModelFile) {
        let rule = Self.rules.first { $0.matches(file) }
        self =
            rule?.architecture ?? Self.denoisingUNet(file)
            ?? Self.part(file) ?? .unknown(hint: Self.hint(file))
    }

    /// The words for people, and `ModelDescription.architecture`.
    public var name: String {
        switch self {
        case .sdxlBase: "SDXL base"
        case .sdxlRefiner: "SDXL refiner"
        case .sdxlInpainting: "SDXL inpainting"
        case .sdxlEditing: "SDXL editing"
        case .stableDiffusion1: "Stable Diffusion 1.x"
        case .stableDiffusion2: "Stable Diffusion 2.x"
        case .stableDiffusion3: "Stable Diffusion 3"
        case .flux: "FLUX"
        case .hiDream: "HiDream"
        case .stableCascade: "Stable Cascade"
        case .pixArt: "PixArt"
        case .diffusionTransformer: "diffusion transformer"
        case .lora: "LoRA"
        case .controlNet: "ControlNet"
        case .latentConsistency: "latent consistency (LCM)"
        case .vae: "VAE"
        case .textEncoder: "text encoder"
        case .textualInversion: "SDXL textual inversion"
        case .unknown(let hint): "unknown (\(hint))"
        }
    }
}

// MARK: - By a tensor that only one family has

extension ModelArchitecture {
    /// Any of these prefixes is enough. In order: adapters first, since their names contain those of
    /// the model they adapt; then families that borrow from others, before those they borrow from.
    private struct Rule {
        var architecture: ModelArchitecture
        var prefixes: [String] = []
        var suffixes: [String] = []

        func matches(_ file: ModelFile) -> Bool {
            prefixes.contains { prefix in
                containers.contains { file.contains(prefix: $0 + prefix) }
            }
                || !suffixes.isEmpty
                    && file.tensorNames.contains { name in
                        suffixes.contains { name.hasSuffix($0) }
                    }
        }
    }

    /// Where single files put the denoising network, if not at the top.
    private static let containers = ["", "model.diffusion_model.", "model."]

    private static let rules: [Rule] = [
        Rule(
            architecture: .lora, prefixes: ["lora_unet_", "lora_te"],
            suffixes: [
                ".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight",
                ".lora.down.weight", ".lora_linear_layer.down.weight", ".hada_w1_a", ".lokr_w1",
                ".lokr_w1_a", ".oft_blocks", ".oft_diag", ".dora_scale",
            ]),
        Rule(
            architecture: .controlNet,
            prefixes: [
                "control_model.", "zero_convs.", "input_hint_block.", "controlnet_cond_embedding.",
                "controlnet_down_blocks.", "controlnet_blocks.", "controlnet_x_embedder.",
            ]),
        Rule(
            architecture: .latentConsistency,
            prefixes: ["time_embed.cond_proj.", "time_embedding.cond_proj."]),
        Rule(
            architecture: .hiDream,
            prefixes: ["double_stream_blocks.0.block.", "caption_projection.0.linear."]),
        Rule(
            architecture: .flux,
            prefixes: ["double_blocks.0.img_attn.norm.", "single_transformer_blocks.0.proj_mlp."]),
        Rule(
            architecture: .stableDiffusion3,
            prefixes: [
                "joint_blocks.0.context_block.", "transformer_blocks.0.norm1_context.linear.",
            ]),
        Rule(
            architecture: .stableCascade,
            prefixes: [
                "clip_txt_mapper.", "clip_txt_pooled_mapper.", "clip_mapper.", "effnet_mapper.",
            ]),
        Rule(
            architecture: .pixArt,
            prefixes: ["adaln_single.linear.", "t_block.1.", "y_embedder.y_proj.fc1."]),
        Rule(
            architecture: .diffusionTransformer,
            prefixes: [
                "double_blocks.0.", "double_layers.0.", "joint_transformer_blocks.0.",
                "transformer_blocks.0.", "noise_refiner.0.", "cap_embedder.", "mlp_t5.",
                "final_layer.", "head.modulation", "layers.0.adaLN_modulation.",
            ]),
    ]
}

// MARK: - U-Nets of the Stable Diffusion family

extension ModelArchitecture {
    /// The published single-file layout, or a diffusers U-Net alone.
    private static func denoisingUNet(_ file: ModelFile) -> Self? {
        for container in ["model.diffusion_model.", ""] {
            if let input = file.shape(of: container + "input_blocks.0.0.weight") {
                return originalUNet(file, container, inputShape: input)
            }
        }
        // diffusers' VAE has `conv_in` below `encoder`, so this is a U-Net's.
        return file.shape(of: "conv_in.weight").flatMap { diffusersUNet(file, inputShape: $0) }
    }

    private static func originalUNet(
        _ file: ModelFile, _ unet: String, inputShape: [Int]
    ) -> Self? {
        // Only SDXL's (and SD 2's unCLIP) are conditioned on a vector.
        let hasVector = file.contains(unet + "label_emb.0.0.weight")
        let isSD2 = file.contains(prefix: "cond_stage_model.model.")
        if hasVector, !isSD2 {
            // The base has three stages of three input blocks, the refiner four.
            return sdxl(stageCount: file.partCount(under: unet + "input_blocks.") / 3, inputShape)
        }
        if isSD2 { return .stableDiffusion2 }
        if file.contains(prefix: "cond_stage_model.transformer.") { return .stableDiffusion1 }
        // Without a text encoder: the text's width, the second dimension, tells.
        return stableDiffusion(
            file.shape(
                of: unet + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"))
    }

    private static func diffusersUNet(_ file: ModelFile, inputShape: [Int]) -> Self? {
        let stageCount = file.partCount(under: "down_blocks.")
        guard stageCount > 0 else { return nil }
        if file.contains("add_embedding.linear_1.weight") {
            return sdxl(stageCount: stageCount, inputShape)
        }
        return stableDiffusion(
            file.shape(
                of: "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"))
    }

    /// - Parameter inputShape: of the first convolution's weight, [out, in, 3, 3].
    private static func sdxl(stageCount: Int, _ inputShape: [Int]) -> Self? {
        guard inputShape.count == 4 else { return nil }
        return switch (stageCount, inputShape[1]) {
        case (3, 4): .sdxlBase
        case (3, 8): .sdxlEditing
        case (3, 9): .sdxlInpainting
        case (4, 4): .sdxlRefiner
        default: nil
        }
    }

    /// - Parameter keyShape: of a cross-attention's key weight, [channels, text width].
    private static func stableDiffusion(_ keyShape: [Int]?) -> Self? {
        switch keyShape?.last {
        case 768: .stableDiffusion1
        case 1024: .stableDiffusion2
        default: nil
        }
    }
}

// MARK: - Parts, and the rest

extension ModelArchitecture {
    /// A file without a denoising network.
    private static func part(_ file: ModelFile) -> Self? {
        func has(_ prefixes: [String]) -> Bool { prefixes.contains { file.contains(prefix: $0) } }
        if has(["model.diffusion_model.", "input_blocks.", "down_blocks."]) { return nil }
        if has([
            "first_stage_model.decoder.", "first_stage_model.encoder.", "decoder.conv_in.",
            "encoder.conv_in.", "vae.decoder.",
        ]) {
            return .vae
        }
        if has([
            "text_model.", "conditioner.embedders.", "cond_stage_model.", "transformer.resblocks.",
            "model.transformer.resblocks.", "encoder.block.0.layer.0.SelfAttention.",
            "shared.weight",
            "model.embed_tokens.", "text_encoders.",
        ]) {
            return .textEncoder
        }
        if Set(file.tensorNames) == ["clip_g", "clip_l"] { return .textualInversion }
        return nil
    }

    private static func hint(_ file: ModelFile) -> String {
        guard let first = file.tensorNames.first else { return "a file without tensors" }
        let shown = first.unicodeScalars.prefix(80).map { $0.escaped(asASCII: true) }.joined()
        return "the first of its \(file.tensorNames.count) tensors is \"\(shown)\""
    }
}
