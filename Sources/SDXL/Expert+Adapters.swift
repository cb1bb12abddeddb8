internal import Tensors

extension Expert {
    /// Gives every layer that a LoRA may change the adapters that are asked for it, in place of those
    /// it has.
    mutating func setAdapters(_ adapters: @escaping (AdaptableLayer) -> [Adapter]) {
        func visitor(_ network: AdaptableLayer.Network) -> LayerVisitor {
            LayerVisitor(network: network, path: "", adapters: adapters)
        }
        unet.visitLayers(visitor(.unet))
        clipL?.visitLayers(visitor(.clipL))
        openCLIP.visitLayers(visitor(.openCLIP))
    }
}

/// Sets the adapters of layers, under the name that it was led down to.
private struct LayerVisitor {
    let network: AdaptableLayer.Network
    let path: String
    let adapters: (AdaptableLayer) -> [Adapter]

    subscript(_ name: String) -> LayerVisitor {
        LayerVisitor(network: network, path: "\(path)\(name).", adapters: adapters)
    }

    func visit(_ layer: inout Linear, _ name: String) {
        layer.adapters = adapters(
            AdaptableLayer(
                network: network, name: path + name, inputs: layer.inputs, outputs: layer.outputs,
                taps: 1))
    }

    func visit(_ layer: inout Convolution, _ name: String) {
        layer.adapters = adapters(
            AdaptableLayer(
                network: network, name: path + name, inputs: layer.inputs, outputs: layer.outputs,
                taps: 9))
    }
}

extension UNet {
    fileprivate mutating func visitLayers(_ visitor: LayerVisitor) {
        visitor["time_embed"].visit(&timeEmbedding.0, "0")
        visitor["time_embed"].visit(&timeEmbedding.1, "2")
        visitor["label_emb.0"].visit(&labelEmbedding.0, "0")
        visitor["label_emb.0"].visit(&labelEmbedding.1, "2")
        visitor.visit(&inputConvolution, "input_blocks.0.0")
        for index in down.indices {
            let block = visitor["input_blocks.\(index + 1)"]
            switch down[index] {
            case .downsample(var convolution):
                block.visit(&convolution, "0.op")
                down[index] = .downsample(convolution)
            case .residual(var residual, var transformer):
                residual.visitLayers(block["0"])
                transformer?.visitLayers(block["1"])
                down[index] = .residual(residual, transformer)
            }
        }
        middle.0.visitLayers(visitor["middle_block.0"])
        middle.1.visitLayers(visitor["middle_block.1"])
        middle.2.visitLayers(visitor["middle_block.2"])
        for index in up.indices {
            let block = visitor["output_blocks.\(index)"]
            up[index].residual.visitLayers(block["0"])
            up[index].transformer?.visitLayers(block["1"])
            if var upsample = up[index].upsample {
                block.visit(&upsample, up[index].transformer == nil ? "1.conv" : "2.conv")
                up[index].upsample = upsample
            }
        }
        visitor.visit(&outputConvolution, "out.2")
    }
}

extension ResidualBlock {
    fileprivate mutating func visitLayers(_ visitor: LayerVisitor) {
        visitor.visit(&convolution1, "in_layers.2")
        if var projection = timeProjection {
            visitor.visit(&projection, "emb_layers.1")
            timeProjection = projection
        }
        visitor.visit(&convolution2, "out_layers.3")
        if var own = shortcut {
            visitor.visit(&own, "skip_connection")
            shortcut = own
        }
    }
}

extension SpatialTransformer {
    fileprivate mutating func visitLayers(_ visitor: LayerVisitor) {
        visitor.visit(&projectionIn, "proj_in")
        for index in blocks.indices {
            let block = visitor["transformer_blocks.\(index)"]
            blocks[index].selfAttention.visitLayers(block["attn1"])
            blocks[index].crossAttention.visitLayers(block["attn2"])
            block.visit(&blocks[index].expand, "ff.net.0.proj")
            block.visit(&blocks[index].contract, "ff.net.2")
        }
        visitor.visit(&projectionOut, "proj_out")
    }
}

extension AttentionLayer {
    fileprivate mutating func visitLayers(_ visitor: LayerVisitor) {
        visitor.visit(&queries, "to_q")
        visitor.visit(&keys, "to_k")
        visitor.visit(&values, "to_v")
        visitor.visit(&output, "to_out.0")
    }
}

extension TextEncoder {
    fileprivate mutating func visitLayers(_ visitor: LayerVisitor) {
        for index in layers.indices {
            let layer = visitor["text_model.encoder.layers.\(index)"]
            let attention = layer["self_attn"]
            attention.visit(&layers[index].queries, "q_proj")
            attention.visit(&layers[index].keys, "k_proj")
            attention.visit(&layers[index].values, "v_proj")
            attention.visit(&layers[index].output, "out_proj")
            layer.visit(&layers[index].expand, "mlp.fc1")
            layer.visit(&layers[index].contract, "mlp.fc2")
        }
    }
}
