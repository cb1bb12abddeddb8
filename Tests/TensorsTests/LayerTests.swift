import Foundation
import Testing

@testable import Tensors

/// Layers against plain loops in double precision, with one thread and with three.
struct LayerTests {
    struct Shape: CustomStringConvertible, Sendable {
        var images: Int
        var height: Int
        var width: Int
        var inputs: Int
        var outputs: Int
        var description: String { "\(images)x\(height)x\(width), \(inputs) -> \(outputs)" }
    }

    static let shapes = [
        Shape(images: 1, height: 1, width: 1, inputs: 1, outputs: 1),
        Shape(images: 2, height: 1, width: 77, inputs: 12, outputs: 48),
        Shape(images: 1, height: 5, width: 7, inputs: 4, outputs: 64),
        Shape(images: 2, height: 17, width: 9, inputs: 33, outputs: 3),
        Shape(images: 1, height: 20, width: 15, inputs: 64, outputs: 330),
        // Enough tiles and channels for Winograd.
        Shape(images: 2, height: 22, width: 25, inputs: 36, outputs: 40),
    ]

    @Test(arguments: shapes) func `a linear layer is x times the weight's transpose plus bias`(
        shape: Shape
    ) throws {
        let weight = Weights([shape.outputs, shape.inputs])
        let bias = Weights([shape.outputs])
        let layer = Linear(weight: weight.tensor, bias: bias.tensor)
        try compareThreadCounts { compute in
            let input = compute.filled(shape)
            let out = compute.linear(input, layer)
            for row in 0..<input.rows {
                for column in 0..<shape.outputs {
                    var wanted = Double(bias[column])
                    for k in 0..<shape.inputs {
                        wanted +=
                            Double(input.data[row * shape.inputs + k])
                            * Double(weight[column * shape.inputs + k])
                    }
                    let got = Double(out.data[row * shape.outputs + column])
                    guard abs(got - wanted) < 1e-4 else {
                        Issue.record("row \(row), column \(column): \(got), not \(wanted)")
                        return out
                    }
                }
            }
            return out
        }
    }

    @Test(arguments: shapes) func `rows of a fused weight are a layer of their own`(
        shape: Shape
    ) throws {
        let weight = Weights([3 * shape.outputs, shape.inputs])
        let compute = try Compute(threads: 1, memoryByteCount: 1 << 30)
        let input = compute.filled(shape)
        let all = compute.linear(input, Linear(weight: weight.tensor, bias: nil))
        for part in 0..<3 {
            let rows = part * shape.outputs..<(part + 1) * shape.outputs
            let one = compute.linear(input, Linear(weight: weight.tensor, bias: nil, rows: rows))
            for row in 0..<input.rows {
                for column in 0..<shape.outputs {
                    let whole = all.data[row * 3 * shape.outputs + rows.lowerBound + column]
                    #expect(abs(one.data[row * shape.outputs + column] - whole) < 1e-5)
                }
            }
        }
    }

    @Test(arguments: shapes, [0, 1, 2, 3]) func `a convolution is the sum over its nine taps`(
        shape: Shape, kind: Int
    ) throws {
        let weight = Weights([shape.outputs, shape.inputs, 3, 3])
        let bias = Weights([shape.outputs])
        let layer = Convolution(weight: weight.tensor, bias: bias.tensor)
        let (height, width) = (shape.height, shape.width)
        // kind: stride, zeros before, scale, size moved over
        let stride: Convolution.Stride
        let step: Int
        let padding: Int
        let size: (height: Int, width: Int)
        switch kind {
        case 0: (stride, step, padding, size) = (.one, 1, 1, (height, width))
        case 1: (stride, step, padding, size) = (.two, 2, 1, (height, width))
        case 2:
            guard height > 1, width > 1 else { return }
            (stride, step, padding, size) = (.twoUnpaddedBefore, 2, 0, (height, width))
        default:
            // One less than twice where that is odd, as after a rounded-up downsampling.
            size = (2 * height - height % 2, 2 * width)
            (stride, step, padding) = (.upsampled(height: size.height, width: size.width), 1, 1)
        }
        try compareThreadCounts { compute in
            let input = compute.filled(shape)
            let offset = compute.filled(
                Shape(
                    images: shape.images, height: 1, width: 1, inputs: shape.outputs, outputs: 0))
            let out = compute.convolution(input, layer, stride: stride, offset: offset)
            let scale = kind == 3 ? 2 : 1
            for image in 0..<shape.images {
                for y in 0..<out.height {
                    for x in 0..<out.width {
                        for o in 0..<shape.outputs {
                            var wanted = Double(bias[o] + offset.image(image)[o])
                            for tap in 0..<9 {
                                let fromY = y * step + tap / 3 - padding
                                let fromX = x * step + tap % 3 - padding
                                guard (0..<size.height).contains(fromY),
                                    (0..<size.width).contains(fromX)
                                else { continue }
                                let token = fromY / scale * width + fromX / scale
                                for c in 0..<shape.inputs {
                                    wanted +=
                                        Double(input.image(image)[token * shape.inputs + c])
                                        * Double(weight[(o * shape.inputs + c) * 9 + tap])
                                }
                            }
                            let got = out.image(image)[(y * out.width + x) * shape.outputs + o]
                            guard abs(Double(got) - wanted) < 1e-3 else {
                                Issue.record("(\(y), \(x)), channel \(o): \(got), not \(wanted)")
                                return out
                            }
                        }
                    }
                }
            }
            return out
        }
    }

    @Test func `adding onto the residual in place is adding the residual`() throws {
        let shape = Shape(images: 2, height: 9, width: 4, inputs: 24, outputs: 40)
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let input = compute.filled(shape)
        let residual = compute.filled(
            Shape(images: 2, height: 9, width: 4, inputs: 40, outputs: 0))
        let linear = Linear(weight: Weights([40, 24]).tensor, bias: Weights([40]).tensor)
        let convolution = Convolution(
            weight: Weights([40, 24, 3, 3]).tensor, bias: Weights([40]).tensor)
        let apart = compute.linear(input, linear, residual: residual)
        let apart2 = compute.convolution(input, convolution, residual: residual)
        let inPlace = compute.activation(like: residual)
        inPlace.data.update(from: residual.data, count: residual.count)
        compute.linear(input, linear, residual: inPlace, into: inPlace)
        compute.convolution(input, convolution, residual: residual, into: residual)
        for index in 0..<apart.count {
            #expect(abs(apart.data[index] - inPlace.data[index]) < 1e-4)
            #expect(abs(apart2.data[index] - residual.data[index]) < 1e-4)
        }
    }

    @Test(arguments: [(1, 5, 32), (2, 77, 64), (1, 300, 96), (2, 130, 320)])
    func `group norm has zero mean and unit variance in each group`(
        images: Int, tokens: Int, channels: Int
    ) throws {
        let weight = Weights([channels])
        let bias = Weights([channels])
        let norm = GroupNorm(weight: weight.tensor, bias: bias.tensor, epsilon: 1e-5)
        try compareThreadCounts { compute in
            let input = compute.filled(
                Shape(images: images, height: 1, width: tokens, inputs: channels, outputs: 0),
                mean: 30)
            let out = compute.groupNorm(input, norm)
            let width = channels / 32
            for image in 0..<images {
                for group in 0..<32 {
                    let places = (0..<tokens).flatMap { token in
                        (group * width..<(group + 1) * width).map { token * channels + $0 }
                    }
                    let values = places.map { Double(input.image(image)[$0]) }
                    let mean = values.reduce(0, +) / Double(values.count)
                    let variance =
                        values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
                        / Double(values.count)
                    for (place, value) in zip(places, values) {
                        let channel = place % channels
                        let wanted =
                            (value - mean) / (variance + 1e-5).squareRoot()
                            * Double(weight[channel]) + Double(bias[channel])
                        let got = Double(out.image(image)[place])
                        guard abs(got - wanted) < 1e-4 else {
                            Issue.record("group \(group): \(got), not \(wanted)")
                            return out
                        }
                    }
                }
            }
            return out
        }
    }

    @Test(arguments: [
        (1, 7, 5, 1, 4), (2, 77, 77, 3, 16), (1, 600, 77, 2, 64), (1, 30, 4000, 1, 8),
    ])
    func `attention weighs the values by the softmax of the scores`(
        images: Int, tokens: Int, others: Int, heads: Int, dimension: Int
    ) throws {
        try compareThreadCounts { compute in
            let channels = heads * dimension
            let q = compute.filled(
                Shape(images: images, height: 1, width: tokens, inputs: channels, outputs: 0))
            let k = compute.filled(
                Shape(images: images, height: 1, width: others, inputs: channels, outputs: 0))
            let v = compute.filled(
                Shape(images: images, height: 1, width: others, inputs: channels, outputs: 0))
            let out = compute.attention(
                queries: q, keys: k, values: v, headDimension: dimension)
            for image in 0..<images {
                for head in 0..<heads {
                    for token in [0, tokens / 2, tokens - 1] {
                        let query = q.image(image) + token * channels + head * dimension
                        let scores = (0..<others).map { other in
                            let key = k.image(image) + other * channels + head * dimension
                            return (0..<dimension).map { Double(query[$0]) * Double(key[$0]) }
                                .reduce(0, +) / Double(dimension).squareRoot()
                        }
                        let top = scores.max() ?? 0
                        let weights = scores.map { exp($0 - top) }
                        let total = weights.reduce(0, +)
                        for d in 0..<dimension {
                            let place = head * dimension + d
                            let wanted = (0..<others).map {
                                weights[$0] / total * Double(v.image(image)[$0 * channels + place])
                            }.reduce(0, +)
                            let got = Double(out.image(image)[token * channels + place])
                            #expect(abs(got - wanted) < 1e-5)
                        }
                    }
                }
            }
            return out
        }
    }

    @Test func `an image in a batch has the bytes that it has alone`() throws {
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let shape = Shape(images: 3, height: 19, width: 23, inputs: 64, outputs: 96)
        let convolution = Convolution(
            weight: Weights([96, 64, 3, 3]).tensor, bias: Weights([96]).tensor)
        let linear = Linear(weight: Weights([64, 64]).tensor, bias: nil)
        let norm = GroupNorm(
            weight: Weights([64]).tensor, bias: Weights([64]).tensor, epsilon: 1e-6)
        func network(_ input: Activation) -> Activation {
            let hidden = compute.linear(compute.groupNorm(input, norm, activation: .silu), linear)
            let attended = compute.attention(
                queries: hidden, keys: hidden, values: hidden, headDimension: 16)
            return compute.convolution(attended, convolution)
        }
        let batch = compute.filled(shape)
        let together = network(batch)
        for image in 0..<3 {
            let alone = network(batch.images(image..<image + 1))
            #expect(alone.bytes == together.images(image..<image + 1).bytes, "image \(image)")
        }
    }

    /// Runs `body` with 1, 2 and 3 threads; the bytes must be the same.
    private func compareThreadCounts(_ body: (Compute) throws -> Activation) throws {
        var first: [UInt8]?
        for threads in 1...3 {
            let compute = try Compute(threads: threads, memoryByteCount: 1 << 30)
            compute.sharedOperations = 0
            let bytes = try body(compute).bytes
            #expect(first == nil || first == bytes, "\(threads) threads gave other bytes than one")
            first = bytes
        }
    }
}

/// Made-up weights that stay alive as a tensor.
final class Weights {
    private let values: UnsafeMutablePointer<Float>
    private let shape: [Int]

    convenience init(_ shape: [Int]) {
        self.init(shape) { Float(sin(Double($0 * 7 % 1009) + Double(shape.count))) / 4 }
    }

    init(_ shape: [Int], _ value: (Int) -> Float) {
        let count = shape.reduce(1, *)
        values = .allocate(capacity: count)
        for index in 0..<count { values[index] = value(index) }
        self.shape = shape
    }

    deinit {
        values.deallocate()
    }

    subscript(_ index: Int) -> Float { values[index] }

    var tensor: WeightTensor {
        WeightTensor(name: "made up", dtype: .float32, shape: shape, bytes: values, owner: self)
    }
}

extension Compute {
    /// An activation of made-up values with `shape.inputs` channels.
    func filled(_ shape: LayerTests.Shape, mean: Double = 0) -> Activation {
        let out = activation(
            images: shape.images, height: shape.height, width: shape.width, channels: shape.inputs)
        for index in 0..<out.count {
            out.data[index] = Float(cos(Double(index * 13 % 2003)) + mean)
        }
        return out
    }
}

extension Activation {
    var bytes: [UInt8] {
        Array(UnsafeRawBufferPointer(start: data, count: count * 4))
    }
}
