import Foundation
import Testing

@testable import Tensors

/// Linear layers large enough for Strassen's products.
struct StrassenTests {
    struct Shape: CustomStringConvertible, Sendable {
        var images = 1
        var tokens: Int
        var inputs: Int
        var outputs: Int
        var description: String { "\(images)x\(tokens), \(inputs) -> \(outputs)" }
    }

    /// Whole tiles, and every kind of rest: odd rows, odd columns, a rest of the inputs' pieces.
    static let shapes = [
        Shape(tokens: 256, inputs: 640, outputs: 128),
        Shape(images: 2, tokens: 193, inputs: 514, outputs: 131),
        Shape(tokens: 300, inputs: 1282, outputs: 200),
        Shape(images: 3, tokens: 257, inputs: 512, outputs: 129),
    ]

    @Test func `the shapes of this table are Strassen's`() {
        for shape in Self.shapes {
            #expect(
                Strassen.pays(
                    tokens: shape.tokens, inputs: shape.inputs, outputs: shape.outputs))
        }
        #expect(!Strassen.pays(tokens: 300, inputs: 513, outputs: 640))
        #expect(!Strassen.pays(tokens: 77, inputs: 1280, outputs: 1280))
    }

    /// Strassen's bound is one of norms: an entry's error is measured in units of the length of its row of
    /// activations times that of its row of weights. A plain sum in float32 has about 2e-8 there.
    @Test(arguments: shapes)
    func `the error stays within a few roundings of the norms`(shape: Shape) throws {
        let weight = Weights([shape.outputs, shape.inputs])
        let bias = Weights([shape.outputs])
        let layer = Linear(weight: weight.tensor, bias: bias.tensor)
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let input = compute.input(shape)
        let out = compute.linear(input, layer)
        // A sample of the rows, the last ones included, in double precision.
        var worst = 0.0
        for row in stride(from: input.rows - 1, through: 0, by: -7) {
            for column in 0..<shape.outputs {
                var wanted = Double(bias[column])
                var lengths = (row: 0.0, column: 0.0)
                for k in 0..<shape.inputs {
                    let a = Double(input.data[row * shape.inputs + k])
                    let b = Double(weight[column * shape.inputs + k])
                    wanted += a * b
                    lengths.row += a * a
                    lengths.column += b * b
                }
                let error = abs(Double(out.data[row * shape.outputs + column]) - wanted)
                worst = max(worst, error / (lengths.row * lengths.column).squareRoot())
            }
        }
        #expect(worst < 5e-7, "\(worst)")
    }

    @Test(arguments: shapes)
    func `threads and batches change no byte`(shape: Shape) throws {
        let weight = Weights([shape.outputs, shape.inputs])
        let layer = Linear(weight: weight.tensor, bias: nil)
        var first: [UInt8]?
        for threads in 1...3 {
            let compute = try Compute(threads: threads, memoryByteCount: 1 << 30)
            let input = compute.input(shape)
            for active in 1...threads {
                compute.activeThreadCount = active
                let bytes = compute.linear(input, layer).bytes
                #expect(first == nil || first == bytes, "\(active) of \(threads) threads")
                first = bytes
            }
            var alone: [UInt8] = []
            for image in 0..<shape.images {
                alone += compute.linear(input.images(image..<image + 1), layer).bytes
            }
            #expect(alone == first, "\(threads) threads, each image alone")
        }
    }

    @Test func `a gated layer is the values times the gates' GELU`() throws {
        let shape = Shape(images: 2, tokens: 201, inputs: 512, outputs: 330)
        let layer = Linear(
            weight: Weights([330, 512]) { Float(sin(Double($0 * 7 % 1009))) / 60 }.tensor,
            bias: Weights([330]).tensor)
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let input = compute.input(shape)
        let gated = compute.gatedLinear(input, layer)
        let both = compute.linear(input, layer)
        for row in 0..<input.rows {
            for column in 0..<165 {
                let value = Double(both.data[row * 330 + column])
                let gate = Double(both.data[row * 330 + 165 + column])
                let wanted = value * gate * 0.5 * (1 + erf(gate / 2.0.squareRoot()))
                let got = Double(gated.data[row * 165 + column])
                #expect(abs(got - wanted) < 1e-4 * max(1, abs(wanted)), "\(row), \(column)")
            }
        }
    }

    @Test func `activation, residual and adding in place follow the product`() throws {
        let shape = Shape(tokens: 205, inputs: 512, outputs: 140)
        let layer = Linear(weight: Weights([140, 512]).tensor, bias: Weights([140]).tensor)
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let input = compute.input(shape)
        let residual = compute.input(Shape(tokens: 205, inputs: 140, outputs: 0))
        let plain = compute.linear(input, layer)
        let apart = compute.linear(input, layer, residual: residual)
        let activated = compute.linear(input, layer, activation: .silu, residual: residual)
        let inPlace = compute.activation(like: residual)
        inPlace.data.update(from: residual.data, count: residual.count)
        compute.linear(input, layer, residual: inPlace, into: inPlace)
        #expect(inPlace.bytes == apart.bytes)
        for index in 0..<plain.count {
            let sum = plain.data[index] + residual.data[index]
            #expect(apart.data[index] == sum)
            let x = Double(plain.data[index])
            let wanted = x / (1 + exp(-x)) + Double(residual.data[index])
            #expect(abs(Double(activated.data[index]) - wanted) < 1e-5 * max(1, abs(wanted)))
        }
    }

    @Test func `adapters are laid over the weights first`() throws {
        let shape = Shape(tokens: 193, inputs: 512, outputs: 128)
        let weight = Weights([128, 512])
        let down = Weights([4, 512])
        let up = Weights([128, 4])
        let adapter = Adapter(down: down.tensor, up: up.tensor, scale: 0.5)
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let input = compute.input(shape)
        var layer = Linear(weight: weight.tensor, bias: nil)
        layer.adapters = [adapter]
        let adapted = compute.linear(input, layer)
        let merged = Weights([128, 512]) { index in
            var value = weight[index]
            for rank in 0..<4 {
                value += 0.5 * up[index / 512 * 4 + rank] * down[rank * 512 + index % 512]
            }
            return value
        }
        let wanted = compute.linear(input, Linear(weight: merged.tensor, bias: nil))
        for index in 0..<adapted.count {
            #expect(abs(adapted.data[index] - wanted.data[index]) < 1e-4)
        }
    }
}

extension Compute {
    fileprivate func input(_ shape: StrassenTests.Shape) -> Activation {
        filled(
            LayerTests.Shape(
                images: shape.images, height: 1, width: shape.tokens, inputs: shape.inputs,
                outputs: 0))
    }
}
