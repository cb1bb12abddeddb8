/// How a file names the tensors of one network. The networks ask for them by the original
/// single-file layout's names; this says what to look for instead.
///
/// The correspondence is Tests/References/scripts/layouts.py's, and diffusers' own conversion's
/// (diffusers: loaders/single_file_utils.py).
enum TensorNaming: Equatable {
    /// As asked for.
    case original
    case diffusersUNet
    /// `olderAttention`: its projections as they were called before diffusers 0.17.
    case diffusersVAE(olderAttention: Bool)

    /// The file's name for a tensor; nil where the layout has no such place.
    func stored(_ original: String) -> String? {
        switch self {
        case .original: original
        case .diffusersUNet: Self.unet(original)
        case .diffusersVAE(let olderAttention): Self.vae(original, olderAttention: olderAttention)
        }
    }

    /// `name` with the first prefix that it has replaced by its partner; nil without one.
    private static func replacing(
        _ pairs: [(original: String, stored: String)], in name: some StringProtocol
    ) -> String? {
        pairs.first { name.hasPrefix($0.original + ".") }
            .map { $0.stored + name.dropFirst($0.original.count) }
    }
}

// MARK: - The UNet

extension TensorNaming {
    private static let unetEnds: [(original: String, stored: String)] = [
        ("input_blocks.0.0", "conv_in"), ("time_embed.0", "time_embedding.linear_1"),
        ("time_embed.2", "time_embedding.linear_2"), ("label_emb.0.0", "add_embedding.linear_1"),
        ("label_emb.0.2", "add_embedding.linear_2"), ("out.0", "conv_norm_out"),
        ("out.2", "conv_out"),
    ]
    private static let residualParts: [(original: String, stored: String)] = [
        ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"),
        ("out_layers.0", "norm2"), ("out_layers.3", "conv2"),
        ("skip_connection", "conv_shortcut"),
    ]

    /// Blocks are numbered through in the original: two and a downsampling a stage on the way down,
    /// three on the way up. Within a block 0 is the residual part and 1 the transformer; the
    /// downsampling is `0.op`, the upsampling is the last part's `conv`.
    private static func unet(_ original: String) -> String? {
        if let end = replacing(unetEnds, in: original) { return end }
        let parts = original.split(separator: ".", maxSplits: 3)
        guard parts.count == 4, let block = Int(parts[1]), let part = Int(parts[2]) else {
            return middle(original)
        }
        let tail = parts[3]
        switch parts[0] {
        case "input_blocks":
            let (stage, index) = (block - 1).quotientAndRemainder(dividingBy: 3)
            if tail.hasPrefix("op.") {
                return index == 2 && part == 0
                    ? "down_blocks.\(stage).downsamplers.0.conv.\(tail.dropFirst(3))" : nil
            }
            return index < 2 ? inner("down_blocks.\(stage)", index, part, tail) : nil
        case "output_blocks":
            let (stage, index) = block.quotientAndRemainder(dividingBy: 3)
            if tail.hasPrefix("conv.") {
                return index == 2 ? "up_blocks.\(stage).upsamplers.0.\(tail)" : nil
            }
            return inner("up_blocks.\(stage)", index, part, tail)
        default: return nil
        }
    }

    /// `middle_block`: residual, transformer, residual.
    private static func middle(_ original: String) -> String? {
        let parts = original.split(separator: ".", maxSplits: 2)
        guard parts.count == 3, parts[0] == "middle_block", let part = Int(parts[1]) else {
            return nil
        }
        return part == 1
            ? inner("mid_block", 0, 1, parts[2]) : inner("mid_block", part / 2, 0, parts[2])
    }

    private static func inner(
        _ block: String, _ index: Int, _ part: Int, _ tail: Substring
    ) -> String? {
        switch part {
        case 0: replacing(residualParts, in: tail).map { "\(block).resnets.\(index).\($0)" }
        case 1: "\(block).attentions.\(index).\(tail)"
        default: nil
        }
    }
}

// MARK: - The VAE

extension TensorNaming {
    private static let vaeStageCount = 4
    private static let vaeAttention: [(original: String, stored: String)] = [
        ("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"),
        ("proj_out", "to_out.0"),
    ]
    private static let vaeOlderAttention: [(original: String, stored: String)] = [
        ("norm", "group_norm"), ("q", "query"), ("k", "key"), ("v", "value"),
        ("proj_out", "proj_attn"),
    ]

    private static func vae(_ original: String, olderAttention: Bool) -> String? {
        let parts = original.split(separator: ".").map(String.init)
        guard parts.count > 2, ["encoder", "decoder"].contains(parts[0]) else { return original }
        let side = parts[0]
        func tail(_ start: Int) -> String {
            parts[start...].map { $0 == "nin_shortcut" ? "conv_shortcut" : $0 }
                .joined(separator: ".")
        }
        switch (parts[1], parts[2]) {
        case ("norm_out", _): return "\(side).conv_norm_out.\(tail(2))"
        case ("mid", "attn_1"):
            return replacing(olderAttention ? vaeOlderAttention : vaeAttention, in: tail(3))
                .map { "\(side).mid_block.attentions.0.\($0)" }
        case ("mid", "block_1"): return "\(side).mid_block.resnets.0.\(tail(3))"
        case ("mid", "block_2"): return "\(side).mid_block.resnets.1.\(tail(3))"
        case ("down", let stage), ("up", let stage):
            guard let stage = Int(stage), parts.count > 4 else { return nil }
            // The original counts the way up from the picture, diffusers from the latents.
            let isUp = parts[1] == "up"
            let block =
                isUp ? "up_blocks.\(vaeStageCount - 1 - stage)" : "down_blocks.\(stage)"
            return switch parts[3] {
            case "block": "\(side).\(block).resnets.\(tail(4))"
            case "upsample": "\(side).\(block).upsamplers.0.\(tail(4))"
            case "downsample": "\(side).\(block).downsamplers.0.\(tail(4))"
            default: nil
            }
        default: return original
        }
    }
}
