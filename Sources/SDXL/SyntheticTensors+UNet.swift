extension SyntheticTensors {
    mutating func unet(_ dimensions: SDXLDimensions) {
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
