internal import Tensors
internal import Weights

/// SDXL's denoiser, base or refiner: the same network with other sizes, all of them read off the
/// tensors. Immutable, shared by all lanes.
struct UNet: Sendable {
    let modelChannels: Int
    let contextWidth: Int
    let pooledWidth: Int
    /// Numbers of the size conditioning: 6 for the base, 5 for the refiner.
    let timeIDCount: Int
    let timeIDWidth: Int
    var timeEmbedding: (Linear, Linear)
    var labelEmbedding: (Linear, Linear)
    var inputConvolution: Convolution
    var down: [DownBlock]
    var middle: (ResidualBlock, SpatialTransformer, ResidualBlock)
    var up: [UpBlock]
    let outputNorm: GroupNorm
    var outputConvolution: Convolution

    enum DownBlock: Sendable {
        case residual(ResidualBlock, SpatialTransformer?)
        case downsample(Convolution)
    }

    struct UpBlock: Sendable {
        var residual: ResidualBlock
        var transformer: SpatialTransformer?
        var upsample: Convolution?
    }

    /// What a prompt and its sizes become for one UNet; constant over the steps.
    struct Conditioning {
        /// Of each transformer's blocks, in the order of ``UNet/transformers``.
        let prompt: [[KeysAndValues]]
        /// [images, pooledWidth]
        let pooled: Activation
        /// [images][timeIDCount]
        let timeIDs: [[Float]]
    }

    /// In the order that a picture meets them.
    var transformers: [SpatialTransformer] {
        down.compactMap { block in
            if case .residual(_, let transformer) = block { transformer } else { nil }
        } + [middle.1] + up.compactMap(\.transformer)
    }

    /// New activations: what the transformers attend to in the prompt.
    ///
    /// - Parameter context: [images, 77, contextWidth]
    func keysAndValues(of context: Activation, _ compute: Compute) -> [[KeysAndValues]] {
        transformers.map { $0.keysAndValues(of: context, compute) }
    }

    /// The noise prediction.
    ///
    /// - Parameters:
    ///   - sample: [images, height, width, 4], scaled for the model.
    ///   - timestep: of the training, 0..<1000, not always whole.
    /// - Returns: shaped as `sample`.
    func predictNoise(
        _ sample: Activation, timestep: Float, _ conditioning: Conditioning, _ compute: Compute
    ) -> Activation {
        let out = compute.activation(like: sample)
        compute.scoped {
            // 1. Time and size, one vector an image.
            let embedding = embed(timestep, conditioning, compute)
            compute.activate(embedding, .silu)

            // 2. Down: every block's result is kept for the way up.
            var hidden = compute.convolution(sample, inputConvolution)
            var skips = [hidden]
            var met = 0
            func attend(_ transformer: SpatialTransformer) {
                hidden = transformer.forward(hidden, conditioning.prompt[met], compute)
                met += 1
            }
            for block in down {
                switch block {
                case .residual(let residual, let transformer):
                    hidden = residual.forward(hidden, embedding: embedding, compute)
                    if let transformer { attend(transformer) }
                case .downsample(let convolution):
                    hidden = compute.convolution(hidden, convolution, stride: .two)
                }
                skips.append(hidden)
            }

            // 3. Middle.
            hidden = middle.0.forward(hidden, embedding: embedding, compute)
            attend(middle.1)
            hidden = middle.2.forward(hidden, embedding: embedding, compute)

            // 4. Up: each block sees its twin's result beside its own input.
            for block in up {
                hidden = block.residual.forward(
                    compute.concatenate(hidden, skips.removeLast()), embedding: embedding, compute)
                if let transformer = block.transformer { attend(transformer) }
                if let upsample = block.upsample, let next = skips.last {
                    // To the size of the twin it meets next, which is odd where downsampling
                    // rounded up.
                    hidden = compute.convolution(
                        hidden, upsample,
                        stride: .upsampled(height: next.height, width: next.width))
                }
            }

            // 5. Out.
            let normed = compute.groupNorm(hidden, outputNorm, activation: .silu)
            let result = compute.convolution(normed, outputConvolution)
            out.data.update(from: result.data, count: result.count)
        }
        return out
    }

    /// [images, 4 * modelChannels]: timestep and label embedding, summed.
    func embed(
        _ timestep: Float, _ conditioning: Conditioning, _ compute: Compute
    ) -> Activation {
        let images = conditioning.pooled.images
        let time = compute.activation(images: images, height: 1, width: 1, channels: modelChannels)
        let label = compute.activation(
            images: images, height: 1, width: 1,
            channels: pooledWidth + timeIDCount * timeIDWidth)
        for image in 0..<images {
            Sinusoids.write(timestep, width: modelChannels, to: time.image(image))
            label.image(image).update(from: conditioning.pooled.image(image), count: pooledWidth)
            for (index, value) in conditioning.timeIDs[image].enumerated() {
                Sinusoids.write(
                    value, width: timeIDWidth,
                    to: label.image(image) + pooledWidth + index * timeIDWidth)
            }
        }
        let embedding = perceptron(time, timeEmbedding, compute)
        compute.add(perceptron(label, labelEmbedding, compute), to: embedding)
        return embedding
    }

    private func perceptron(
        _ input: Activation, _ layers: (Linear, Linear), _ compute: Compute
    ) -> Activation {
        compute.linear(compute.linear(input, layers.0, activation: .silu), layers.1)
    }
}
