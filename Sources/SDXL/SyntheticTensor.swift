internal import Tokenization

/// One tensor of a made-up model: its name, its shape and what is in it.
struct SyntheticTensor: Equatable {
    let name: String
    let shape: [Int]
    let fill: Fill
    /// What is set after the filling, by row-major position.
    var edits: [Edit] = []

    enum Fill: Equatable {
        /// float16, normal with this standard deviation around 0.
        case normal(Float)
        /// float16.
        case constant(Float)
        /// int64: 0, 1, 2...
        case positions
    }

    struct Edit: Equatable {
        let position: Int
        let value: Float
    }

    var elementCount: Int { shape.reduce(1, *) }
    var elementByteCount: Int { fill == .positions ? 8 : 2 }
    var byteCount: Int { elementCount * elementByteCount }
    var type: String { fill == .positions ? "I64" : "F16" }
}

/// Every tensor of an expert's original single file, from its dimensions.
///
/// Weights are scaled by their fan-in, norms are 1, biases small and the branches beside shortcuts
/// weak, so that values keep their size through the network. A path of its own carries the noise
/// through the UNet: its prediction is about the input plus a random part that depends on text and
/// time, and a generation goes down the schedule as it should.
struct SyntheticTensors {
    private(set) var tensors: [SyntheticTensor] = []
    private var prefix = ""

    init(_ dimensions: SDXLDimensions) {
        under("model.diffusion_model.") { $0.unet(dimensions) }
        under("first_stage_model.") { $0.vae(dimensions.vaeChannels) }
        under("conditioner.embedders.") { conditioner in
            if let clipL = dimensions.clipL {
                conditioner.under("0.transformer.text_model.") { $0.transformersText(clipL) }
                conditioner.under("1.model.") { $0.openCLIP(dimensions.openCLIP) }
            } else {
                conditioner.under("0.model.") { $0.openCLIP(dimensions.openCLIP) }
            }
        }
    }

    // MARK: - Layers

    private mutating func under(_ name: String, _ body: (inout Self) -> Void) {
        let outer = prefix
        prefix += name
        body(&self)
        prefix = outer
    }

    private mutating func add(_ name: String, _ shape: [Int], _ fill: SyntheticTensor.Fill) {
        tensors.append(SyntheticTensor(name: prefix + name, shape: shape, fill: fill))
    }

    private mutating func norm(_ name: String, _ channels: Int) {
        add(name + ".weight", [channels], .constant(1))
        add(name + ".bias", [channels], .normal(0.05))
    }

    /// `shape` is [outputs, inputs, ...].
    private mutating func layer(
        _ name: String, _ shape: [Int], gain: Float = 1, bias: Bool = true
    ) {
        let fanIn = shape.dropFirst().reduce(1, *)
        add(name + ".weight", shape, .normal(gain / Float(fanIn).squareRoot()))
        if bias { add(name + ".bias", [shape[0]], .normal(0.02)) }
    }

    private mutating func linear(
        _ name: String, _ inputs: Int, _ outputs: Int, gain: Float = 1, bias: Bool = true
    ) {
        layer(name, [outputs, inputs], gain: gain, bias: bias)
    }

    private mutating func convolution(
        _ name: String, _ inputs: Int, _ outputs: Int, side: Int = 3, gain: Float = 1
    ) {
        layer(name, [outputs, inputs, side, side], gain: gain)
    }
}

// MARK: - The UNet

extension SyntheticTensors {
    private mutating func unet(_ dimensions: SDXLDimensions) {
        let modelChannels = dimensions.channels[0]
        let embedding = 4 * modelChannels
        linear("time_embed.0", modelChannels, embedding, gain: 1.4)
        linear("time_embed.2", embedding, embedding, gain: 1.4)
        linear("label_emb.0.0", dimensions.labelWidth, embedding, gain: 1.4)
        linear("label_emb.0.2", embedding, embedding, gain: 1.4)

        convolution("input_blocks.0.0", 4, modelChannels)
        var channels = modelChannels
        var skips = [channels]
        for (stage, outputs) in dimensions.channels.enumerated() {
            for _ in 0..<2 {
                under("input_blocks.\(skips.count).") {
                    $0.residual("0", channels, outputs, embedding)
                    $0.transformer("1", outputs, dimensions.depths[stage], dimensions)
                }
                channels = outputs
                skips.append(channels)
            }
            if stage < dimensions.channels.count - 1 {
                convolution("input_blocks.\(skips.count).0.op", channels, channels)
                skips.append(channels)
            }
        }
        under("middle_block.") {
            $0.residual("0", channels, channels, embedding)
            $0.transformer("1", channels, dimensions.middleDepth, dimensions)
            $0.residual("2", channels, channels, embedding)
        }
        var block = 0
        for (stage, outputs) in dimensions.channels.enumerated().reversed() {
            for index in 0..<3 {
                let depth = dimensions.depths[stage]
                let inputs = channels + skips.removeLast()
                under("output_blocks.\(block).") {
                    $0.residual("0", inputs, outputs, embedding)
                    $0.transformer("1", outputs, depth, dimensions)
                    if index == 2, stage > 0 {
                        $0.convolution("\(depth > 0 ? 2 : 1).conv", outputs, outputs)
                    }
                }
                channels = outputs
                block += 1
            }
        }
        norm("out.0", channels)
        // The random part of the prediction, about a quarter of the input's.
        convolution("out.2", channels, 4, gain: 0.25)
        carryNoise(modelChannels, lastBlock: block - 1)
    }

    private mutating func residual(
        _ name: String, _ inputs: Int, _ outputs: Int, _ embedding: Int
    ) {
        norm(name + ".in_layers.0", inputs)
        convolution(name + ".in_layers.2", inputs, outputs)
        linear(name + ".emb_layers.1", embedding, outputs, gain: 0.7)
        norm(name + ".out_layers.0", outputs)
        convolution(name + ".out_layers.3", outputs, outputs, gain: 0.4)
        if inputs != outputs {
            convolution(name + ".skip_connection", inputs, outputs, side: 1)
        }
    }

    private mutating func transformer(
        _ name: String, _ channels: Int, _ depth: Int, _ dimensions: SDXLDimensions
    ) {
        guard depth > 0 else { return }
        norm(name + ".norm", channels)
        linear(name + ".proj_in", channels, channels)
        for index in 0..<depth {
            under("\(name).transformer_blocks.\(index).") { block in
                for (attention, context) in [
                    ("attn1", channels), ("attn2", dimensions.contextWidth),
                ] {
                    block.linear(attention + ".to_q", channels, channels, bias: false)
                    block.linear(attention + ".to_k", context, channels, bias: false)
                    block.linear(attention + ".to_v", context, channels, bias: false)
                    block.linear(attention + ".to_out.0", channels, channels, gain: 0.7)
                }
                block.linear("ff.net.0.proj", channels, 8 * channels)
                block.linear("ff.net.2", 4 * channels, channels, gain: 0.6)
                for norm in ["norm1", "norm2", "norm3"] { block.norm(norm, channels) }
            }
        }
        linear(name + ".proj_out", channels, channels, gain: 0.5)
    }

    /// Channels 0..<8 hold +x and -x of the four latent channels from the first convolution over the
    /// last shortcut to the last convolution, which takes silu(a) - silu(-a) = a.
    private mutating func carryNoise(_ channels: Int, lastBlock: Int) {
        let last = "output_blocks.\(lastBlock).0."
        for channel in 0..<8 {
            let sign: Float = channel % 2 == 0 ? 1 : -1
            edit("input_blocks.0.0", row: channel, [(channel / 2 * 9 + 4, sign)])
            edit(last + "skip_connection", row: channel, [(channels + channel, 1)])
            edit(last + "out_layers.3", row: channel, [])
        }
        for channel in 0..<4 {
            // Only these eight inputs: the rest of the row stays random.
            edit(
                "out.2", row: channel,
                (0..<72).map { position in
                    let isOwn = position / 18 == channel && position % 9 == 4
                    return (position, isOwn ? (position / 9 % 2 == 0 ? 0.875 : -0.875) : 0)
                }, clears: false)
        }
    }

    /// Sets a row of a weight to zeros but for `values`, and its bias to zero.
    private mutating func edit(
        _ name: String, row: Int, _ values: [(position: Int, value: Float)], clears: Bool = true
    ) {
        for index in tensors.indices {
            if tensors[index].name == prefix + name + ".weight" {
                let size = tensors[index].elementCount / tensors[index].shape[0]
                if clears {
                    tensors[index].edits += (0..<size).map {
                        SyntheticTensor.Edit(position: row * size + $0, value: 0)
                    }
                }
                tensors[index].edits += values.map {
                    SyntheticTensor.Edit(position: row * size + $0.position, value: $0.value)
                }
            } else if tensors[index].name == prefix + name + ".bias" {
                tensors[index].edits.append(SyntheticTensor.Edit(position: row, value: 0))
            }
        }
    }
}

// MARK: - The VAE

extension SyntheticTensors {
    private mutating func vae(_ channels: [Int]) {
        let widest = channels[channels.count - 1]
        under("encoder.") { encoder in
            encoder.convolution("conv_in", 3, channels[0])
            var inputs = channels[0]
            for (stage, outputs) in channels.enumerated() {
                for block in 0..<2 {
                    encoder.vaeResidual("down.\(stage).block.\(block)", inputs, outputs)
                    inputs = outputs
                }
                if stage < channels.count - 1 {
                    encoder.convolution("down.\(stage).downsample.conv", inputs, inputs)
                }
            }
            encoder.vaeMiddle(widest)
            encoder.norm("norm_out", widest)
            // So that the mean times the scaling factor is about 1.
            encoder.convolution("conv_out", widest, 8, gain: 9)
        }
        under("decoder.") { decoder in
            decoder.convolution("conv_in", 4, widest)
            decoder.vaeMiddle(widest)
            var inputs = widest
            for (stage, outputs) in channels.enumerated().reversed() {
                for block in 0..<3 {
                    decoder.vaeResidual("up.\(stage).block.\(block)", inputs, outputs)
                    inputs = outputs
                }
                if stage > 0 { decoder.convolution("up.\(stage).upsample.conv", inputs, inputs) }
            }
            decoder.norm("norm_out", channels[0])
            decoder.convolution("conv_out", channels[0], 3, gain: 0.75)
        }
        convolution("quant_conv", 8, 8, side: 1)
        // Latents divided by the scaling factor have a deviation of about 7.
        convolution("post_quant_conv", 4, 4, side: 1, gain: 0.25)
    }

    private mutating func vaeMiddle(_ channels: Int) {
        vaeResidual("mid.block_1", channels, channels)
        norm("mid.attn_1.norm", channels)
        for name in ["q", "k", "v", "proj_out"] {
            convolution("mid.attn_1." + name, channels, channels, side: 1)
        }
        vaeResidual("mid.block_2", channels, channels)
    }

    private mutating func vaeResidual(_ name: String, _ inputs: Int, _ outputs: Int) {
        norm(name + ".norm1", inputs)
        convolution(name + ".conv1", inputs, outputs)
        norm(name + ".norm2", outputs)
        convolution(name + ".conv2", outputs, outputs, gain: 0.7)
        if inputs != outputs { convolution(name + ".nin_shortcut", inputs, outputs, side: 1) }
    }
}

// MARK: - The text encoders

extension SyntheticTensors {
    private mutating func transformersText(_ text: SDXLDimensions.Text) {
        add("embeddings.position_ids", [1, CLIPTokenizer.length], .positions)
        add(
            "embeddings.token_embedding.weight", [TextEncoder.vocabularySize, text.width],
            .normal(0.75))
        add(
            "embeddings.position_embedding.weight", [CLIPTokenizer.length, text.width],
            .normal(0.25))
        for index in 0..<text.layers {
            under("encoder.layers.\(index).") { layer in
                layer.norm("layer_norm1", text.width)
                for name in ["q_proj", "k_proj", "v_proj"] {
                    layer.linear("self_attn." + name, text.width, text.width)
                }
                layer.linear("self_attn.out_proj", text.width, text.width, gain: 0.9)
                layer.norm("layer_norm2", text.width)
                layer.linear("mlp.fc1", text.width, 4 * text.width)
                layer.linear("mlp.fc2", 4 * text.width, text.width, gain: 0.9)
            }
        }
        norm("final_layer_norm", text.width)
    }

    private mutating func openCLIP(_ text: SDXLDimensions.Text) {
        add("positional_embedding", [CLIPTokenizer.length, text.width], .normal(0.25))
        add("token_embedding.weight", [TextEncoder.vocabularySize, text.width], .normal(0.75))
        add(
            "text_projection", [text.width, text.width], .normal(1 / Float(text.width).squareRoot())
        )
        // ln 100, as trained; not used here.
        add("logit_scale", [], .constant(4.6052))
        for index in 0..<text.layers {
            under("transformer.resblocks.\(index).") { layer in
                layer.norm("ln_1", text.width)
                layer.add(
                    "attn.in_proj_weight", [3 * text.width, text.width],
                    .normal(1 / Float(text.width).squareRoot()))
                layer.add("attn.in_proj_bias", [3 * text.width], .normal(0.02))
                layer.linear("attn.out_proj", text.width, text.width, gain: 0.9)
                layer.norm("ln_2", text.width)
                layer.linear("mlp.c_fc", text.width, 4 * text.width)
                layer.linear("mlp.c_proj", 4 * text.width, text.width, gain: 0.9)
            }
        }
        norm("ln_final", text.width)
    }
}
