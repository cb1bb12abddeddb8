internal import Tokenization

/// Every tensor of an expert's original single file, from its dimensions.
///
/// Weights are scaled by their fan-in, norms are 1, biases small and the branches beside shortcuts
/// weak, so that values keep their size through the network. A path of its own carries the noise
/// through the UNet: its prediction is about the input plus a random part that depends on text and
/// time, and a generation goes down the schedule as it should.
struct SyntheticTensors {
    var tensors: [SyntheticTensor] = []
    var prefix = ""

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

    mutating func under(_ name: String, _ body: (inout Self) -> Void) {
        let outer = prefix
        prefix += name
        body(&self)
        prefix = outer
    }

    mutating func add(_ name: String, _ shape: [Int], _ fill: SyntheticTensor.Fill) {
        tensors.append(SyntheticTensor(name: prefix + name, shape: shape, fill: fill))
    }

    mutating func norm(_ name: String, _ channels: Int) {
        add(name + ".weight", [channels], .constant(1))
        add(name + ".bias", [channels], .normal(0.05))
    }

    /// `shape` is [outputs, inputs, ...].
    mutating func layer(
        _ name: String, _ shape: [Int], gain: Float = 1, bias: Bool = true
    ) {
        let fanIn = shape.dropFirst().reduce(1, *)
        add(name + ".weight", shape, .normal(gain / Float(fanIn).squareRoot()))
        if bias { add(name + ".bias", [shape[0]], .normal(0.02)) }
    }

    mutating func linear(
        _ name: String, _ inputs: Int, _ outputs: Int, gain: Float = 1, bias: Bool = true
    ) {
        layer(name, [outputs, inputs], gain: gain, bias: bias)
    }

    mutating func convolution(
        _ name: String, _ inputs: Int, _ outputs: Int, side: Int = 3, gain: Float = 1
    ) {
        layer(name, [outputs, inputs, side, side], gain: gain)
    }
}

// MARK: - The VAE

extension SyntheticTensors {
    mutating func vae(_ channels: [Int]) {
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

    mutating func vaeMiddle(_ channels: Int) {
        vaeResidual("mid.block_1", channels, channels)
        norm("mid.attn_1.norm", channels)
        for name in ["q", "k", "v", "proj_out"] {
            convolution("mid.attn_1." + name, channels, channels, side: 1)
        }
        vaeResidual("mid.block_2", channels, channels)
    }

    mutating func vaeResidual(_ name: String, _ inputs: Int, _ outputs: Int) {
        norm(name + ".norm1", inputs)
        convolution(name + ".conv1", inputs, outputs)
        norm(name + ".norm2", outputs)
        convolution(name + ".conv2", outputs, outputs, gain: 0.7)
        if inputs != outputs { convolution(name + ".nin_shortcut", inputs, outputs, side: 1) }
    }
}

// MARK: - The text encoders

extension SyntheticTensors {
    mutating func transformersText(_ text: SDXLDimensions.Text) {
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

    mutating func openCLIP(_ text: SDXLDimensions.Text) {
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
