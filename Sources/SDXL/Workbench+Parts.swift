internal import Diffusion
public import Generation
public import Tensors
internal import Tokenization

extension Workbench {
    /// Of the training; in the middle, as the time says nothing to the cost.
    private static let timestep: Float = 500

    /// Addresses reserved for activations; memory is taken only as it is used.
    private static let reservedByteCount = 32 << 30

    /// - Parameters:
    ///   - size: of the picture; multiples of 8. The text encoders do not see it.
    ///   - images: 2 for both halves of guidance, else 1.
    /// - Precondition: `parts` holds the part.
    public func prepare(
        _ part: Part, size: ImageSize, images: Int, threads: Int
    ) throws(ComputeError) -> WorkbenchRun {
        let compute = try Compute(threads: threads, memoryByteCount: Self.reservedByteCount)
        switch part {
        case .text: return text(size: size, images: images, compute)
        case .base: return prediction(.base, baseExpert, size: size, images: images, compute)
        case .refiner:
            guard let refinerExpert else { preconditionFailure("there is a refiner") }
            return prediction(.refiner, refinerExpert, size: size, images: images, compute)
        case .decode:
            guard let decoder = baseExpert.decoder else {
                preconditionFailure("there is a decoder")
            }
            return decoding(decoder, size: size, images: images, compute)
        case .encode:
            guard let encoder = baseExpert.encoder else {
                preconditionFailure("there is an encoder")
            }
            return encoding(encoder, size: size, images: images, compute)
        }
    }

    private func text(size: ImageSize, images: Int, _ compute: Compute) -> WorkbenchRun {
        let prompt = "a lighthouse on a cliff at dawn, film grain"
        let negative = "blurry"
        let texts = images == 2 ? [negative, prompt] : [prompt]
        let ids = Array(repeating: Float(0), count: baseExpert.unet.timeIDCount)
        let expertPrompt = ExpertPrompt(
            positive: prompt, negative: negative, positive2: prompt, negative2: negative,
            timeIDs: ids, negativeTimeIDs: ids, guidanceScale: images == 2 ? 7 : 1)
        let operations =
            baseExpert.openCLIP.operationCount + (baseExpert.clipL?.operationCount ?? 0)
        let tokens = [CLIPTokenizer.Padding.endOfText, .zero].map { padding in
            texts.map { CLIPTokenizer.shared.encode($0, padding: padding).ids }
        }
        return WorkbenchRun(
            .text, size: size, images: images, operationCount: images * operations,
            compute: compute,
            inputs: [
                .init(name: "tokens.1", value: .ids(tokens[0])),
                .init(name: "tokens.2", value: .ids(tokens[1])),
            ]
        ) { [baseExpert] compute in
            let encoding = baseExpert.encode(expertPrompt, compute, trace: nil)
            return [
                .init(
                    name: "encoder_hidden_states", value: .text(encoding.context.view),
                    owner: encoding),
                .init(name: "text_embeds", value: .vector(encoding.pooled.view), owner: encoding),
            ]
        }
    }

    private func prediction(
        _ part: Part, _ expert: Expert, size: ImageSize, images: Int, _ compute: Compute
    ) -> WorkbenchRun {
        let unet = expert.unet
        var noise = TorchGenerator(seed: 1)
        let grid = FeatureGrid(height: size.height / 8, width: size.width / 8)
        let sample = compute.activation(
            images: images, height: grid.height, width: grid.width, channels: Denoiser.channels)
        let tokens = CLIPTokenizer.length
        let context = compute.activation(
            images: images, height: 1, width: tokens, channels: unet.contextWidth)
        let pooled = compute.activation(
            images: images, height: 1, width: 1, channels: unet.pooledWidth)
        for input in [sample, context, pooled] { noise.fill(input) }
        let sides = [Float(size.height), Float(size.width)]
        let ids =
            sides + [0, 0] + (expert.isRefiner ? [Float(Parameter.Default.aestheticScore)] : sides)
        let conditioning = UNet.Conditioning(
            prompt: unet.keysAndValues(of: context, compute), pooled: pooled,
            timeIDs: Array(repeating: ids, count: images))
        return WorkbenchRun(
            part, size: size, images: images,
            operationCount: images * unet.operationCount(grid, contextTokens: tokens),
            compute: compute,
            inputs: [
                .init(name: "sample", value: .picture(sample)),
                .init(name: "timestep", value: .numbers([[Self.timestep]])),
                .init(name: "encoder_hidden_states", value: .text(context)),
                .init(name: "text_embeds", value: .vector(pooled)),
                .init(name: "time_ids", value: .numbers(conditioning.timeIDs)),
            ]
        ) { compute in
            let out = unet.predictNoise(sample, timestep: Self.timestep, conditioning, compute)
            return [.init(name: "out", value: .picture(out))]
        }
    }

    private func decoding(
        _ decoder: VAEDecoder, size: ImageSize, images: Int, _ compute: Compute
    ) -> WorkbenchRun {
        var noise = TorchGenerator(seed: 1)
        let grid = FeatureGrid(height: size.height / 8, width: size.width / 8)
        let latents = compute.activation(
            images: images, height: grid.height, width: grid.width, channels: Denoiser.channels)
        noise.fill(latents)
        return WorkbenchRun(
            .decode, size: size, images: images,
            operationCount: images * decoder.operationCount(grid), compute: compute,
            inputs: [.init(name: "latents", value: .picture(latents))]
        ) { compute in
            [.init(name: "out", value: .picture(decoder.decode(latents, compute)))]
        }
    }

    private func encoding(
        _ encoder: VAEEncoder, size: ImageSize, images: Int, _ compute: Compute
    ) -> WorkbenchRun {
        var noise = TorchGenerator(seed: 1)
        let pixels = compute.activation(
            images: images, height: size.height, width: size.width, channels: 3)
        noise.fill(pixels)
        let grid = FeatureGrid(height: size.height, width: size.width)
        return WorkbenchRun(
            .encode, size: size, images: images,
            operationCount: images * encoder.operationCount(grid), compute: compute,
            inputs: [.init(name: "image", value: .picture(pixels))]
        ) { compute in
            [.init(name: "out", value: .picture(encoder.encode(pixels, compute)))]
        }
    }
}

extension TorchGenerator {
    /// Normal values everywhere.
    fileprivate mutating func fill(_ activation: Activation) {
        activation.data.update(from: normals(activation.count), count: activation.count)
    }
}
