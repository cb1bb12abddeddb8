import Testing

@testable import Tensors

/// Adapters against layers whose weights were changed beforehand.
struct AdapterTests {
    typealias Shape = LayerTests.Shape

    static let shapes = [
        Shape(images: 1, height: 1, width: 1, inputs: 1, outputs: 1),
        Shape(images: 2, height: 3, width: 5, inputs: 12, outputs: 70),
        Shape(images: 1, height: 4, width: 4, inputs: 33, outputs: 400),
        // By Winograd's way.
        Shape(images: 2, height: 23, width: 25, inputs: 40, outputs: 33),
        // More than a panel of weights: of the linear layer, of the convolution.
        Shape(images: 1, height: 1, width: 2, inputs: 8200, outputs: 520),
        Shape(images: 1, height: 2, width: 2, inputs: 1100, outputs: 430),
    ]

    @Test(arguments: shapes) func `a linear layer's weights become W + scale up down`(
        shape: Shape
    ) throws {
        let weight = Weights([shape.outputs, shape.inputs])
        let pairs = [Pair(shape, rank: 3, scale: 0.5), Pair(shape, rank: 1, scale: -2)]
        let plain = Linear(
            weight: Pair.changed(weight, shape, pairs, taps: 1).tensor, bias: nil)
        var layer = Linear(weight: weight.tensor, bias: nil)
        layer.adapters = pairs.map(\.adapter)
        try compare(shape, { $0.linear($1, layer) }, { $0.linear($1, plain) })
    }

    @Test func `the sample sizes cover both ways of a convolution`() {
        let pays = Self.shapes.map {
            Winograd.pays(
                height: $0.height, width: $0.width, inputs: $0.inputs, outputs: $0.outputs)
        }
        #expect(Set(pays) == [true, false])
    }

    @Test(arguments: shapes.filter { $0.inputs < 8000 })
    func `a convolution's filters change tap by tap`(shape: Shape) throws {
        let weight = Weights([shape.outputs, shape.inputs, 3, 3])
        let bias = Weights([shape.outputs])
        let pairs = [
            Pair(shape, rank: 2, scale: 0.25, taps: 9), Pair(shape, rank: 5, scale: 1, taps: 9),
        ]
        let plain = Convolution(
            weight: Pair.changed(weight, shape, pairs, taps: 9).tensor, bias: bias.tensor)
        var layer = Convolution(weight: weight.tensor, bias: bias.tensor)
        layer.adapters = pairs.map(\.adapter)
        try compare(shape, { $0.convolution($1, layer) }, { $0.convolution($1, plain) })
    }

    @Test func `of fused weights only the layer's own rows change`() throws {
        let shape = Shape(images: 1, height: 1, width: 7, inputs: 20, outputs: 90)
        let fused = Weights([3 * shape.outputs, shape.inputs])
        let rows = shape.outputs..<2 * shape.outputs
        let own = Weights([shape.outputs, shape.inputs]) {
            fused[rows.lowerBound * shape.inputs + $0]
        }
        let pair = Pair(shape, rank: 4, scale: 1)
        let plain = Linear(weight: Pair.changed(own, shape, [pair], taps: 1).tensor, bias: nil)
        var layer = Linear(weight: fused.tensor, bias: nil, rows: rows)
        layer.adapters = [pair.adapter]
        try compare(shape, { $0.linear($1, layer) }, { $0.linear($1, plain) })
    }

    /// The results must agree, and the first must have the same bytes with any number of threads.
    private func compare(
        _ shape: Shape, _ adapted: (Compute, Activation) -> Activation,
        _ plain: (Compute, Activation) -> Activation
    ) throws {
        var first: [UInt8]?
        for threads in 1...3 {
            let compute = try Compute(threads: threads, memoryByteCount: 1 << 30)
            compute.sharedOperations = 0
            let input = compute.filled(shape)
            let got = adapted(compute, input)
            let wanted = plain(compute, input)
            var (difference, size): (Float, Float) = (0, 0)
            for index in 0..<got.count {
                difference = max(difference, abs(got.data[index] - wanted.data[index]))
                size = max(size, abs(wanted.data[index]))
            }
            #expect(difference <= 1e-5 * size, "\(shape), \(threads) threads")
            #expect(first == nil || first == got.bytes, "\(threads) threads gave other bytes")
            first = got.bytes
        }
    }
}

/// The two matrices of an adapter.
private struct Pair {
    let down: Weights
    let up: Weights
    let rank: Int
    let scale: Float
    let adapter: Adapter

    init(_ shape: LayerTests.Shape, rank: Int, scale: Float, taps: Int = 1) {
        let window = taps == 9 ? [3, 3] : []
        down = Weights([rank, shape.inputs] + window)
        up = Weights([shape.outputs, rank] + window.map { _ in 1 })
        self.rank = rank
        self.scale = scale
        adapter = Adapter(down: down.tensor, up: up.tensor, scale: scale)
    }

    static func changed(
        _ weight: Weights, _ shape: LayerTests.Shape, _ pairs: [Pair], taps: Int
    ) -> Weights {
        let row = shape.inputs * taps
        return Weights(weight.tensor.shape) { index in
            var sum = Double(weight[index])
            for pair in pairs {
                for r in 0..<pair.rank {
                    sum +=
                        Double(pair.scale) * Double(pair.up[index / row * pair.rank + r])
                        * Double(pair.down[r * row + index % row])
                }
            }
            return Float(sum)
        }
    }
}
