import CKernels
import Foundation
import Testing

/// The kernels' three builds against plain double-precision formulas, over awkward sizes.
struct KernelTests {
    static let counts = [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100]
    static let sets: [refinery_isa] = [
        refinery_isa_portable, refinery_isa_avx2, refinery_isa_avx512,
    ]

    /// Runs `body` with each instruction set that this CPU has.
    private func withEachSet(_ body: (refinery_isa) -> Void) {
        let before = refinery_isa_current()
        defer { _ = refinery_isa_force(before) }
        for set in Self.sets where refinery_isa_force(set) {
            body(set)
        }
    }

    @Test func `the best instruction set of this CPU is the one in use`() {
        #expect(refinery_isa_current() == refinery_isa_available())
    }

    @Test func `half and bfloat values widen exactly`() {
        // Every bit pattern but the NaNs.
        let halves = (0...UInt16.max).filter { !Float16(bitPattern: $0).isNaN }
        let wanted = halves.map { Float(Float16(bitPattern: $0)) }
        let brains = (0...UInt16.max).filter { !Float(bitPattern: UInt32($0) << 16).isNaN }
        withEachSet { set in
            for count in [halves.count, 1, 15, 17] {
                var out = [Float](repeating: .nan, count: count)
                refinery_widen(&out, halves, refinery_dtype_float16, count)
                #expect(out == Array(wanted.prefix(count)), "\(set)")
            }
            var out = [Float](repeating: .nan, count: brains.count)
            refinery_widen(&out, brains, refinery_dtype_bfloat16, brains.count)
            #expect(out == brains.map { Float(bitPattern: UInt32($0) << 16) }, "\(set)")
        }
    }

    @Test func `widening reads at any alignment`() {
        let values: [UInt16] = (0..<40).map { Float16($0).bitPattern }
        withEachSet { _ in
            values.withUnsafeBytes { bytes in
                var shifted = [UInt8](repeating: 0, count: bytes.count + 1)
                shifted.replaceSubrange(1..., with: bytes)
                var out = [Float](repeating: 0, count: 40)
                shifted.withUnsafeBytes {
                    refinery_widen(&out, $0.baseAddress! + 1, refinery_dtype_float16, 40)
                }
                #expect(out == (0..<40).map(Float.init))
            }
        }
    }

    @Test(arguments: counts) func `activations follow their formulas`(count: Int) {
        let input = (0..<count).map { Float(sin(Double($0) * 1.7) * Double($0 % 13)) }
        let formulas: [(refinery_activation, (Double) -> Double)] = [
            (refinery_activation_none, { $0 }),
            (refinery_activation_silu, { $0 / (1 + exp(-$0)) }),
            (refinery_activation_gelu, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
            (refinery_activation_quick_gelu, { $0 / (1 + exp(-1.702 * $0)) }),
        ]
        withEachSet { set in
            for (kind, formula) in formulas {
                var out = input
                refinery_activate(&out, count, kind)
                for (x, y) in zip(input, out) {
                    let wanted = formula(Double(x))
                    #expect(
                        abs(Double(y) - wanted) <= 1e-6 * max(1, abs(wanted)),
                        "\(kind) of \(x) with \(set)")
                }
            }
        }
    }

    @Test func `a NaN stays a NaN through every activation`() {
        withEachSet { set in
            for kind in [
                refinery_activation_none, refinery_activation_silu, refinery_activation_gelu,
                refinery_activation_quick_gelu,
            ] {
                var out = [Float](repeating: 1, count: 20)
                out[3] = .nan
                out[19] = .nan
                refinery_activate(&out, 20, kind)
                #expect(out[3].isNaN && out[19].isNaN && !out[4].isNaN, "\(kind) with \(set)")
            }
        }
    }

    @Test(arguments: counts)
    func `an epilogue adds bias, applies the activation, adds the residual`(
        columns: Int
    ) {
        let rows = 3
        let stride = columns + 2
        let input = (0..<rows * stride).map { Float($0 % 11) - 5 }
        let bias = (0..<columns).map { Float($0 % 5) - 2 }
        let residual = (0..<rows * stride).map { Float($0 % 7) }
        withEachSet { set in
            var out = [Float](repeating: 99, count: rows * stride)
            refinery_epilogue(
                &out, stride, input, stride, rows, columns, bias, residual,
                refinery_activation_silu)
            for row in 0..<rows {
                for column in 0..<stride {
                    let index = row * stride + column
                    guard column < columns else {
                        #expect(out[index] == 99, "wrote beyond the columns with \(set)")
                        continue
                    }
                    let sum = Double(input[index] + bias[column])
                    let wanted = sum / (1 + exp(-sum)) + Double(residual[index])
                    #expect(abs(Double(out[index]) - wanted) < 1e-5, "\(set)")
                }
            }
        }
    }

    @Test(arguments: counts) func `GEGLU multiplies values by the GELU of their gates`(columns: Int)
    {
        let rows = 2
        let input = (0..<rows * 2 * columns).map { Float(cos(Double($0))) * 3 }
        withEachSet { set in
            var out = [Float](repeating: 0, count: rows * columns)
            refinery_geglu(&out, input, rows, columns)
            for index in out.indices {
                let start = index / columns * 2 * columns + index % columns
                let gate = Double(input[start + columns])
                let wanted =
                    Double(input[start]) * 0.5 * gate * (1 + erf(gate / 2.0.squareRoot()))
                #expect(abs(Double(out[index]) - wanted) < 2e-6, "\(set)")
            }
        }
    }

    @Test(arguments: counts) func `layer norm has zero mean and unit variance before its weights`(
        columns: Int
    ) {
        let rows = 3
        let input = (0..<rows * columns).map { Float(sin(Double($0) * 0.9) + 2) }
        let weight = (0..<columns).map { 1 + Float($0 % 3) }
        let bias = (0..<columns).map { Float($0 % 4) }
        withEachSet { set in
            var out = [Float](repeating: 0, count: rows * columns)
            refinery_layer_norm(&out, input, rows, columns, weight, bias, 1e-5)
            for row in 0..<rows {
                let values = input[row * columns..<(row + 1) * columns].map(Double.init)
                let mean = values.reduce(0, +) / Double(columns)
                let variance =
                    values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(columns)
                for column in 0..<columns {
                    let wanted =
                        (values[column] - mean) / (variance + 1e-5).squareRoot()
                        * Double(weight[column]) + Double(bias[column])
                    #expect(
                        abs(Double(out[row * columns + column]) - wanted) < 2e-4,
                        "row \(row), column \(column), \(set)")
                }
            }
        }
    }

    @Test(arguments: counts) func `softmax rows sum to one and keep their order`(columns: Int) {
        let rows = 4
        let input = (0..<rows * columns).map { Float(sin(Double($0 * $0))) * 40 }
        withEachSet { set in
            var out = input
            refinery_softmax(&out, rows, columns, 0.5, -1)
            for row in 0..<rows {
                let range = row * columns..<(row + 1) * columns
                let top = Double(input[range].max() ?? 0)
                let weights = input[range].map { exp((Double($0) - top) * 0.5) }
                let total = weights.reduce(0, +)
                for (value, weight) in zip(out[range], weights) {
                    #expect(abs(Double(value) - weight / total) < 1e-6, "\(set)")
                }
            }
        }
    }

    @Test(arguments: counts) func `a causal softmax sees no later column`(columns: Int) {
        withEachSet { set in
            var out = [Float](repeating: 1, count: columns * columns)
            refinery_softmax(&out, columns, columns, 1, 0)
            for row in 0..<columns {
                for column in 0..<columns {
                    let wanted = column <= row ? 1 / Float(row + 1) : 0
                    #expect(abs(out[row * columns + column] - wanted) < 1e-6, "\(set)")
                }
            }
        }
    }

    @Test(arguments: [(6, 7, 3, false), (9, 5, 17, false), (7, 8, 16, true), (3, 10, 33, true)])
    func `Winograd's transforms make a 3x3 convolution`(
        height: Int, width: Int, channels: Int, upsample: Bool
    ) {
        let sourceWidth = upsample ? (width + 1) / 2 : width
        let sourceHeight = upsample ? (height + 1) / 2 : height
        let image = (0..<sourceHeight * sourceWidth * channels).map { Float(sin(Double($0))) }
        let outputs = 5
        let filters = (0..<outputs * channels * 9).map { Float(cos(Double($0))) }
        let bias = (0..<outputs).map { Float($0) }
        var grid = refinery_winograd_grid(
            height: height, width: width, tile_columns: (width + 3) / 4, upsample: upsample)
        let tiles = (height + 3) / 4 * grid.tile_columns
        withEachSet { set in
            let panel = refinery_product_columns()
            var u = [Float](repeating: .nan, count: 36 * panel * channels)
            var v = [Float](repeating: .nan, count: 36 * tiles * channels)
            var m = [Float](repeating: 0, count: 36 * tiles * outputs)
            var out = [Float](repeating: 0, count: height * width * outputs)
            // In two pieces, as the layers take them.
            for piece in [0..<channels / 2, channels / 2..<channels] {
                u.withUnsafeMutableBufferPointer {
                    refinery_winograd_filters(
                        $0.baseAddress! + piece.lowerBound * panel, panel * channels, filters,
                        refinery_dtype_float32, outputs, channels, piece.lowerBound, piece.count)
                }
            }
            refinery_winograd_inputs(&v, tiles * channels, image, &grid, channels, 0, tiles)
            for plane in 0..<36 {
                for tile in 0..<tiles {
                    for o in 0..<outputs {
                        var sum: Float = 0
                        for c in 0..<channels {
                            sum +=
                                v[(plane * tiles + tile) * channels + c]
                                * u[(plane * channels + c) * panel + o]
                        }
                        m[(plane * tiles + tile) * outputs + o] = sum
                    }
                }
            }
            refinery_winograd_outputs(
                &out, outputs, m, tiles * outputs, &grid, outputs, bias, nil, 0, tiles)
            for y in 0..<height {
                for x in 0..<width {
                    for o in 0..<outputs {
                        var wanted = Double(bias[o])
                        for tap in 0..<9 {
                            let (row, column) = (y + tap / 3 - 1, x + tap % 3 - 1)
                            guard (0..<height).contains(row), (0..<width).contains(column) else {
                                continue
                            }
                            let token =
                                upsample
                                ? row / 2 * sourceWidth + column / 2 : row * sourceWidth + column
                            for c in 0..<channels {
                                wanted +=
                                    Double(image[token * channels + c])
                                    * Double(filters[(o * channels + c) * 9 + tap])
                            }
                        }
                        let got = Double(out[(y * width + x) * outputs + o])
                        #expect(abs(got - wanted) < 1e-4, "(\(y), \(x)), \(o) with \(set)")
                    }
                }
            }
        }
    }

    @Test func `a single value that is not finite is found wherever it stands`() {
        withEachSet { set in
            for count in [1, 16, 33] {
                var data = [Float](repeating: .greatestFiniteMagnitude, count: count)
                #expect(refinery_all_finite(data, count), "\(set)")
                for bad in [Float.nan, .infinity, -.infinity] {
                    for index in 0..<count {
                        data[index] = bad
                        #expect(!refinery_all_finite(data, count), "\(bad) at \(index), \(set)")
                        data[index] = 0
                    }
                }
            }
        }
    }

    @Test func `pixels are clamped and rounded half to even`() {
        let input: [Float] = [-2, -1, -0.9960785, 0, 0.5, 0.99, 1, 7]
        withEachSet { set in
            var out = [UInt8](repeating: 9, count: input.count)
            refinery_to_pixels(&out, input, input.count)
            let wanted = input.map {
                UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven))
            }
            #expect(out == wanted, "\(set)")
        }
    }
}
