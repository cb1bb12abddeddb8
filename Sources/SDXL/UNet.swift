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
        /// [images, 77, contextWidth]
        let context: Activation
        /// [images, pooledWidth]
        let pooled: Activation
        /// [images][timeIDCount]
        let timeIDs: [[Float]]

        func images(_ range: Range<Int>) -> Conditioning {
            Conditioning(
                context: context.images(range), pooled: pooled.images(range),
                timeIDs: Array(timeIDs[range]))
        }
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
            for block in down {
                switch block {
                case .residual(let residual, let transformer):
                    hidden = residual.forward(hidden, embedding: embedding, compute)
                    if let transformer {
                        hidden = transformer.forward(hidden, conditioning.context, compute)
                    }
                case .downsample(let convolution):
                    hidden = compute.convolution(hidden, convolution, stride: .two)
                }
                skips.append(hidden)
            }

            // 3. Middle.
            hidden = middle.0.forward(hidden, embedding: embedding, compute)
            hidden = middle.1.forward(hidden, conditioning.context, compute)
            hidden = middle.2.forward(hidden, embedding: embedding, compute)

            // 4. Up: each block sees its twin's result beside its own input.
            for block in up {
                hidden = block.residual.forward(
                    compute.concatenate(hidden, skips.removeLast()), embedding: embedding, compute)
                if let transformer = block.transformer {
                    hidden = transformer.forward(hidden, conditioning.context, compute)
                }
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
