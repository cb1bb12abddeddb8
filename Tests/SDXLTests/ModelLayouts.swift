import Foundation
import TestSupport

@testable import Weights

/// Rewrites the built-in checkpoints as other files that hold the same numbers: other element types,
/// other names, other cuts. Written apart from the engine's own naming, from layouts.py.
enum ModelLayouts {
    typealias Tensor = SafetensorsBytes.Tensor

    static func tensors(_ file: ModelFile) throws -> [Tensor] {
        file.tensorNames.map { name in
            Tensor(
                name, file.elementType(of: name)?.rawValue ?? "", file.shape(of: name) ?? [],
                bytes: file.withBytes(of: name) { Array($0) })
        }
    }

    /// All float16 tensors as `type`, F16, F32 or BF16: every number of the checkpoints is exact in both.
    static func converted(_ tensors: [Tensor], to type: String) -> [Tensor] {
        tensors.map { tensor in
            guard tensor.dtype == "F16", type != "F16" else { return tensor }
            var bytes: [UInt8] = []
            for index in stride(from: 0, to: tensor.bytes.count, by: 2) {
                let bits = UInt16(tensor.bytes[index]) | UInt16(tensor.bytes[index + 1]) << 8
                let wide = Float(Float16(bitPattern: bits)).bitPattern
                bytes +=
                    type == "F32"
                    ? SafetensorsBytes.littleEndian(wide)
                    : SafetensorsBytes.littleEndian(UInt16(wide >> 16))
            }
            return Tensor(tensor.name, type, tensor.shape, bytes: bytes)
        }
    }

    /// The tensors under a prefix, without it.
    static func under(_ prefix: String, _ tensors: [Tensor]) -> [Tensor] {
        tensors.filter { $0.name.hasPrefix(prefix) }.map {
            Tensor(String($0.name.dropFirst(prefix.count)), $0.dtype, $0.shape, bytes: $0.bytes)
        }
    }

    // MARK: - Names

    static func diffusersUNet(_ tensors: [Tensor]) -> [Tensor] {
        var pairs = [
            ("input_blocks.0.0.", "conv_in."), ("time_embed.0.", "time_embedding.linear_1."),
            ("time_embed.2.", "time_embedding.linear_2."),
            ("label_emb.0.0.", "add_embedding.linear_1."),
            ("label_emb.0.2.", "add_embedding.linear_2."), ("out.0.", "conv_norm_out."),
            ("out.2.", "conv_out."), ("middle_block.0.", "mid_block.resnets.0."),
            ("middle_block.1.", "mid_block.attentions.0."),
            ("middle_block.2.", "mid_block.resnets.1."),
        ]
        for stage in 0..<4 {
            for index in 0..<2 {
                let block = "input_blocks.\(1 + 3 * stage + index)"
                pairs.append((block + ".0.", "down_blocks.\(stage).resnets.\(index)."))
                pairs.append((block + ".1.", "down_blocks.\(stage).attentions.\(index)."))
            }
            let down = "input_blocks.\(3 + 3 * stage).0.op."
            pairs.append((down, "down_blocks.\(stage).downsamplers.0.conv."))
            for index in 0..<3 {
                let block = "output_blocks.\(3 * stage + index)"
                for part in ["1", "2"] {
                    pairs.append(
                        ("\(block).\(part).conv.", "up_blocks.\(stage).upsamplers.0.conv."))
                }
                pairs.append((block + ".0.", "up_blocks.\(stage).resnets.\(index)."))
                pairs.append((block + ".1.", "up_blocks.\(stage).attentions.\(index)."))
            }
        }
        let residual = [
            ("in_layers.0.", "norm1."), ("in_layers.2.", "conv1."),
            ("emb_layers.1.", "time_emb_proj."), ("out_layers.0.", "norm2."),
            ("out_layers.3.", "conv2."), ("skip_connection.", "conv_shortcut."),
        ]
        return renamed(tensors) { name in
            guard let (old, new) = pairs.first(where: { name.hasPrefix($0.0) }) else { return nil }
            var tail = String(name.dropFirst(old.count))
            if new.contains("resnets"),
                let (from, to) = residual.first(where: { tail.hasPrefix($0.0) })
            {
                tail = to + tail.dropFirst(from.count)
            }
            return new + tail
        }
    }

    static func diffusersVAE(_ tensors: [Tensor], olderAttention: Bool = false) -> [Tensor] {
        let attention =
            olderAttention
            ? [("q", "query"), ("k", "key"), ("v", "value"), ("proj_out", "proj_attn")]
            : [("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")]
        var pairs = [
            (".norm_out.", ".conv_norm_out."), (".mid.block_1.", ".mid_block.resnets.0."),
            (".mid.block_2.", ".mid_block.resnets.1."),
            (".mid.attn_1.norm.", ".mid_block.attentions.0.group_norm."),
        ]
        pairs += attention.map { (".mid.attn_1.\($0).", ".mid_block.attentions.0.\($1).") }
        for stage in 0..<4 {
            pairs += [
                (".down.\(stage).block.", ".down_blocks.\(stage).resnets."),
                (".down.\(stage).downsample.conv.", ".down_blocks.\(stage).downsamplers.0.conv."),
                (".up.\(stage).block.", ".up_blocks.\(3 - stage).resnets."),
                (".up.\(stage).upsample.conv.", ".up_blocks.\(3 - stage).upsamplers.0.conv."),
            ]
        }
        return renamed(tensors) { name in
            let pair = pairs.first { name.contains($0.0) }
            return (pair.map { name.replacing($0.0, with: $0.1) } ?? name)
                .replacing("nin_shortcut", with: "conv_shortcut")
        }
        .map { tensor in
            // A linear layer instead of a 1x1 convolution.
            let isLinear = tensor.name.contains("attentions.0.") && tensor.shape.count == 4
            return Tensor(
                tensor.name, tensor.dtype, isLinear ? Array(tensor.shape.prefix(2)) : tensor.shape,
                bytes: tensor.bytes)
        }
    }

    /// OpenCLIP's encoder as transformers has it.
    static func transformersText(_ tensors: [Tensor]) -> [Tensor] {
        tensors.flatMap { tensor -> [Tensor] in
            var tensor = tensor
            if tensor.name == "logit_scale" { return [] }
            if tensor.name == "text_projection" { return [transposed(tensor)] }
            if tensor.name.contains("in_proj_") {
                let size = tensor.bytes.count / 3
                return ["q", "k", "v"].enumerated().map { index, letter in
                    Tensor(
                        layer(
                            tensor.name.replacing(
                                "attn.in_proj_", with: "self_attn.\(letter)_proj.")),
                        tensor.dtype, [tensor.shape[0] / 3] + tensor.shape.dropFirst(),
                        bytes: Array(tensor.bytes[index * size..<(index + 1) * size]))
                }
            }
            for (old, new) in [
                ("token_embedding", "text_model.embeddings.token_embedding"),
                ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
                ("ln_final", "text_model.final_layer_norm"), (".ln_1.", ".layer_norm1."),
                (".ln_2.", ".layer_norm2."), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"),
                ("attn.out_proj", "self_attn.out_proj"),
            ] {
                tensor.name = tensor.name.replacing(old, with: new)
            }
            tensor.name = layer(tensor.name)
            return [tensor]
        }
    }

    private static func layer(_ name: String) -> String {
        name.replacing("transformer.resblocks.", with: "text_model.encoder.layers.")
    }

    private static func transposed(_ tensor: Tensor) -> Tensor {
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        let size = tensor.bytes.count / rows / columns
        var bytes: [UInt8] = []
        for column in 0..<columns {
            for row in 0..<rows {
                let start = (row * columns + column) * size
                bytes += tensor.bytes[start..<start + size]
            }
        }
        return Tensor("text_projection.weight", tensor.dtype, [columns, rows], bytes: bytes)
    }

    private static func renamed(
        _ tensors: [Tensor], _ rename: (String) -> String?
    ) -> [Tensor] {
        tensors.map { tensor in
            Tensor(
                rename(tensor.name) ?? "nothing renames \(tensor.name)", tensor.dtype,
                tensor.shape, bytes: tensor.bytes)
        }
    }

    // MARK: - A whole folder

    /// Writes the checkpoint of `file` in diffusers' folder layout, the U-Net in `shards` pieces.
    ///
    /// - Parameters:
    ///   - channels: of the U-Net's stages, for its configuration.
    ///   - textLevel: before the names of the text encoders' tensors: `text_model.` or nothing.
    static func writeFolder(
        _ file: ModelFile, channels: [Int], type: String, shards: Int,
        textLevel: String = "text_model.", to root: String
    ) throws {
        let all = try converted(tensors(file), to: type)
        let hasCLIPL = file.contains(prefix: "conditioner.embedders.0.transformer.")
        let heads = channels.map { $0 / 16 }
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(filePath: root).appending(path: "model_index.json"))
        try write(
            "unet", diffusersUNet(under("model.diffusion_model.", all)),
            configuration:
                #"{"block_out_channels": \#(channels), "attention_head_dim": \#(heads)}"#,
            stem: "diffusion_pytorch_model", shards: shards, to: root)
        try write(
            "vae", diffusersVAE(under("first_stage_model.", all)),
            configuration: #"{"scaling_factor": 0.13025}"#, stem: "diffusion_pytorch_model",
            to: root)
        if hasCLIPL {
            try write(
                "text_encoder",
                relevelled(
                    under("conditioner.embedders.0.transformer.", all).filter { $0.dtype != "I64" },
                    textLevel),
                configuration: text(width: 12, activation: "quick_gelu"), stem: "model", to: root)
        }
        let openCLIP = under("conditioner.embedders.\(hasCLIPL ? 1 : 0).model.", all)
        try write(
            "text_encoder_2", relevelled(transformersText(openCLIP), textLevel),
            configuration: text(width: 20, activation: "gelu"), stem: "model", to: root)
    }

    private static func relevelled(_ tensors: [Tensor], _ level: String) -> [Tensor] {
        renamed(tensors) { $0.replacing("text_model.", with: level) }
    }

    private static func text(width: Int, activation: String) -> String {
        #"{"hidden_size": \#(width), "num_attention_heads": \#(width / 4), "#
            + #""hidden_act": "\#(activation)"}"#
    }

    private static func write(
        _ part: String, _ tensors: [Tensor], configuration: String, stem: String, shards: Int = 1,
        to root: String
    ) throws {
        let folder = URL(filePath: root).appending(path: part)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(configuration.utf8).write(to: folder.appending(path: "config.json"))
        func write(_ tensors: [Tensor], _ name: String) throws {
            try Data(SafetensorsBytes.file(tensors)).write(to: folder.appending(path: name))
        }
        guard shards > 1 else { return try write(tensors, stem + ".safetensors") }
        var map: [String: String] = [:]
        for shard in 0..<shards {
            let name = "\(stem)-0000\(shard + 1)-of-0000\(shards).safetensors"
            let own = tensors.enumerated().filter { $0.offset % shards == shard }.map(\.element)
            for tensor in own { map[tensor.name] = name }
            try write(own, name)
        }
        let index = try JSONSerialization.data(withJSONObject: ["weight_map": map])
        try index.write(to: folder.appending(path: stem + ".safetensors.index.json"))
    }
}
