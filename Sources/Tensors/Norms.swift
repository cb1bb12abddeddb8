internal import CKernels
internal import Glibc

/// Normalisation over each token's channels; epsilon is 1e-5 throughout SDXL.
public struct LayerNorm: Sendable {
    public let weight: WeightTensor
    public let bias: WeightTensor

    public init(weight: WeightTensor, bias: WeightTensor) {
        self.weight = weight
        self.bias = bias
    }
}

/// Normalisation over 32 groups of channels and all tokens of an image.
public struct GroupNorm: Sendable {
    public static let groups = 32

    public let weight: WeightTensor
    public let bias: WeightTensor
    /// 1e-5 in the UNet's ResNet blocks and last norm, 1e-6 elsewhere.
    public let epsilon: Float

    public init(weight: WeightTensor, bias: WeightTensor, epsilon: Float) {
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }
}

extension Compute {
    /// A new activation.
    public func layerNorm(_ input: Activation, _ norm: LayerNorm) -> Activation {
        profile?.begin(.norm("layer norm", input, passes: 2))
        defer { profile?.end() }
        let out = activation(like: input)
        let channels = input.channels
        scoped {
            let weight = widened(norm.weight)
            let bias = widened(norm.bias)
            forEachBlock(of: input.rows, operations: 8 * input.count) { rows in
                let start = rows.lowerBound * channels
                refinery_layer_norm(
                    out.data + start, input.data + start, rows.count, channels, weight, bias, 1e-5)
            }
        }
        return out
    }

    /// A new activation, `activation` applied to it.
    public func groupNorm(
        _ input: Activation, _ norm: GroupNorm, activation kind: ActivationFunction = .none
    ) -> Activation {
        let out = activation(like: input)
        scoped {
            normalize(input, groupScales(input, norm), activation: kind, into: out)
        }
        return out
    }

    /// What group normalisation does to each channel: (x - mean) * scale + bias.
    struct GroupScales {
        /// [images, channels]
        let means: UnsafeMutablePointer<Float>
        /// [images, channels]
        let scales: UnsafeMutablePointer<Float>
        /// [channels]
        let bias: UnsafeMutablePointer<Float>

        /// Of one image.
        func image(_ index: Int, channels: Int) -> GroupScales {
            GroupScales(
                means: means + index * channels, scales: scales + index * channels, bias: bias)
        }
    }

    /// From the whole of `input`, in arena memory.
    ///
    /// Moments are taken in blocks of tokens that fit the cache and merged in double precision, in
    /// a fixed order (Chan, Golub and LeVeque 1983, equation 2.1).
    func groupScales(_ input: Activation, _ norm: GroupNorm) -> GroupScales {
        profile?.begin(.norm("group moments", input, passes: 1))
        defer { profile?.end() }
        let groups = GroupNorm.groups
        let channels = input.channels
        let tokens = input.tokens
        let means = arena.floats(input.images * channels)
        let scales = arena.floats(input.images * channels)
        let bias = widened(norm.bias)
        scoped {
            let weight = widened(norm.weight)
            let block = 64
            let blocks = (tokens + block - 1) / block
            // Per block: 32 means, 32 sums of squared deviations, as doubles.
            let moments = UnsafeMutableRawPointer(
                arena.floats(input.images * blocks * groups * 4)
            ).bindMemory(to: Double.self, capacity: input.images * blocks * groups * 2)
            withWorkerScratch(channels) { scratch in
                forEachTile(input.images * blocks, operations: 4 * input.count) { index, worker in
                    let first = index % blocks * block
                    refinery_group_moments(
                        input.image(index / blocks) + first * channels,
                        min(block, tokens - first), channels, groups,
                        moments + index * groups * 2, moments + index * groups * 2 + groups,
                        scratch(worker))
                }
            }
            for image in 0..<input.images {
                for group in 0..<groups {
                    let (mean, variance) = Self.merge(
                        moments + image * blocks * groups * 2 + group, blocks: blocks,
                        groups: groups, tokens: tokens, block: block, width: channels / groups)
                    let scale = Float(1 / (variance + Double(norm.epsilon)).squareRoot())
                    for channel in group * channels / groups..<(group + 1) * channels / groups {
                        means[image * channels + channel] = Float(mean)
                        scales[image * channels + channel] = scale * weight[channel]
                    }
                }
            }
        }
        return GroupScales(means: means, scales: scales, bias: bias)
    }

    /// `out` = `input` normalised by `scales`, which may come from pictures that it is a part of.
    func normalize(
        _ input: Activation, _ scales: GroupScales, activation kind: ActivationFunction,
        into out: Activation
    ) {
        profile?.begin(.norm("group norm", input, passes: 2))
        defer { profile?.end() }
        let channels = input.channels
        let block = 64
        let blocks = (input.tokens + block - 1) / block
        forEachTile(input.images * blocks, operations: 16 * input.count) { index, _ in
            let image = index / blocks
            let first = index % blocks * block
            refinery_normalize(
                out.image(image) + first * channels, input.image(image) + first * channels,
                min(block, input.tokens - first), channels, scales.means + image * channels,
                scales.scales + image * channels, scales.bias, kind.kernel)
        }
    }

    /// One group's mean and population variance from its blocks' moments.
    private static func merge(
        _ moments: UnsafePointer<Double>, blocks: Int, groups: Int, tokens: Int, block: Int,
        width: Int
    ) -> (mean: Double, variance: Double) {
        var count = 0.0
        var mean = 0.0
        var deviation = 0.0
        for index in 0..<blocks {
            let added = Double(min(block, tokens - index * block) * width)
            let difference = moments[index * groups * 2] - mean
            let total = count + added
            mean += difference * added / total
            deviation += moments[index * groups * 2 + groups]
            deviation += difference * difference * count * added / total
            count = total
        }
        return (mean, deviation / count)
    }
}
