import CKernels
import Foundation
import Testing

/// The kernels on packed operands, in each instruction set that this CPU has.
struct ProductKernelTests {
    private func withEachSet(_ body: (refinery_isa) -> Void) {
        let before = refinery_isa_current()
        defer { _ = refinery_isa_force(before) }
        for set in KernelTests.sets where refinery_isa_force(set) {
            body(set)
        }
    }

    private static func numbers(_ count: Int, _ step: Double) -> [Float] {
        (0..<count).map { Float(sin(Double($0) * step)) }
    }

    /// [rows, columns] as the panels that a product takes.
    private static func panels(_ weights: [Float], rows: Int, columns: Int) -> [Float] {
        let panel = refinery_product_columns()
        let count = (rows + panel - 1) / panel
        var out = [Float](repeating: .nan, count: count * columns * panel)
        out.withUnsafeMutableBufferPointer { out in
            weights.withUnsafeBufferPointer { weights in
                for index in 0..<count {
                    // In two pieces, as the layers take them.
                    for piece in [0..<columns / 2, columns / 2..<columns] {
                        refinery_pack_weights(
                            out.baseAddress! + (index * columns + piece.lowerBound) * panel,
                            weights.baseAddress! + index * panel * columns,
                            refinery_dtype_float32, min(panel, rows - index * panel), columns,
                            piece.lowerBound, piece.count)
                    }
                }
            }
        }
        return out
    }

    @Test(arguments: [
        (1, 1, 1), (8, 32, 64), (7, 31, 15), (13, 70, 33), (64, 96, 100), (3, 17, 200),
        (2, 32, 16), (77, 32, 32), (6, 33, 17),
    ])
    func `a product with packed weights is the product`(rows: Int, columns: Int, depth: Int) {
        let a = Self.numbers(rows * (depth + 3), 0.7)
        let weights = Self.numbers(columns * depth, 1.3)
        withEachSet { set in
            let panels = Self.panels(weights, rows: columns, columns: depth)
            // A frame around the result must stay as it was.
            let stride = columns + 5
            var c = [Float](repeating: 7, count: (rows + 1) * stride)
            for adds in [false, true] {
                refinery_packed_product(
                    &c, stride, a, depth + 3, panels, rows, columns, depth, adds, nil)
            }
            for row in 0...rows {
                for column in 0..<stride {
                    var wanted = 7.0
                    if row < rows, column < columns {
                        wanted = 0
                        for k in 0..<depth {
                            wanted +=
                                2 * Double(a[row * (depth + 3) + k])
                                * Double(weights[column * depth + k])
                        }
                    }
                    let got = Double(c[row * stride + column])
                    #expect(
                        abs(got - wanted) < 1e-5 * Double(depth + 1), "\(row), \(column), \(set)")
                }
            }
        }
    }

    @Test func `a row's numbers do not depend on the rows beside it`() {
        let (columns, depth) = (40, 77)
        let a = Self.numbers(19 * depth, 0.7)
        withEachSet { set in
            let panels = Self.panels(
                Self.numbers(columns * depth, 1.3), rows: columns, columns: depth)
            func product(rows: Range<Int>) -> [Float] {
                var out = [Float](repeating: 0, count: rows.count * columns)
                a.withUnsafeBufferPointer {
                    refinery_packed_product(
                        &out, columns, $0.baseAddress! + rows.lowerBound * depth, depth, panels,
                        rows.count, columns, depth, false, nil)
                }
                return out
            }
            let ones = (0..<19).map { product(rows: $0..<$0 + 1) }
            for count in 1...19 {
                #expect(
                    product(rows: 0..<count) == ones[..<count].flatMap(\.self), "\(count), \(set)")
            }
        }
    }

    /// More of it than the product has places beside which to fetch it, less, and none.
    @Test(arguments: [(1, 1, 1), (3, 100, 641), (2, 7, 64), (4, 300, 2000), (0, 0, 0), (1, 5, 0)])
    func `what is fetched ahead changes nothing`(count: Int, rows: Int, byteCount: Int) {
        let (height, columns, depth) = (21, 40, 77)
        let a = Self.numbers(height * depth, 0.7)
        let weights = [UInt8](repeating: 1, count: rows * (byteCount + 3))
        withEachSet { set in
            let panels = Self.panels(
                Self.numbers(columns * depth, 1.3), rows: columns, columns: depth)
            func product(_ ahead: UnsafePointer<refinery_ahead>?) -> [Float] {
                var out = [Float](repeating: 0, count: height * columns)
                // Also beside no rows, as the lower half of a tile of one row has.
                for rows in [height, 0] {
                    refinery_packed_product(
                        &out, columns, a, depth, panels, rows, columns, depth, false, ahead)
                }
                return out
            }
            let ahead = weights.withUnsafeBytes { weights in
                let start = count > 0 ? weights.baseAddress : nil
                var ahead = refinery_ahead(
                    starts: (start, start, start, start), count: count, rows: rows,
                    byte_count: byteCount, stride: byteCount + 3)
                return product(&ahead)
            }
            #expect(ahead == product(nil), "\(set)")
        }
    }

    @Test(arguments: [
        (8, 4, 4, 6), (7, 4, 3, 6), (5, 33, 20, 34), (9, 31, 31, 64), (2, 1, 0, 2), (1, 2, 2, 40),
    ])
    func `Strassen's seven products make the product`(
        rows: Int, left: Int, right: Int, depth: Int
    ) {
        let a = Self.numbers(rows * depth, 0.7)
        let weights = Self.numbers((left + right) * depth, 1.3).map { Float16($0) }
        let half = depth / 2
        let upper = (rows + 1) / 2
        withEachSet { set in
            let panel = refinery_product_columns()
            guard left <= panel else { return }
            var sums = [Float](repeating: .nan, count: 4 * upper * half)
            refinery_strassen_inputs(
                &sums, upper * half, a, depth, upper, rows, 0, upper)
            var planes = [Float](repeating: .nan, count: 7 * half * panel)
            weights.withUnsafeBufferPointer { weights in
                refinery_strassen_weights(
                    &planes, half * panel, weights.baseAddress!,
                    weights.baseAddress! + left * depth, refinery_dtype_float16, left, right,
                    depth, 0, half)
            }
            var products = [Float](repeating: 0, count: 7 * upper * left)
            func multiply(_ plane: Int, _ from: [Float], _ start: Int, _ stride: Int, _ rows: Int) {
                for row in 0..<rows {
                    for column in 0..<left {
                        var total: Float = 0
                        for k in 0..<half {
                            total +=
                                from[start + row * stride + k]
                                * planes[(plane * half + k) * panel + column]
                        }
                        products[(plane * upper + row) * left + column] = total
                    }
                }
            }
            multiply(0, a, 0, depth, upper)
            multiply(1, a, half, depth, upper)
            multiply(2, sums, 3 * upper * half, half, upper)
            multiply(3, sums, 0, half, upper)
            multiply(4, sums, upper * half, half, upper)
            multiply(5, sums, 2 * upper * half, half, upper)
            multiply(6, a, upper * depth + half, depth, rows - upper)
            // A frame around the tile must stay as it was.
            let columns = left + right
            var out = [Float](repeating: 7, count: (rows + 1) * (columns + 1))
            out.withUnsafeMutableBufferPointer { out in
                var place = refinery_strassen_outputs_place(
                    left: out.baseAddress!, right: out.baseAddress! + left, stride: columns + 1,
                    columns: left, right_columns: right, left_bias: nil, right_bias: nil,
                    left_residual: nil, right_residual: nil,
                    activation: refinery_activation_none, gated: false)
                refinery_strassen_outputs(&place, products, upper * left, upper, rows - upper)
            }
            for row in 0...rows {
                for column in 0...columns {
                    var wanted = 7.0
                    if row < rows, column < columns {
                        wanted = 0
                        for k in 0..<depth {
                            wanted +=
                                Double(a[row * depth + k]) * Double(weights[column * depth + k])
                        }
                    }
                    let got = Double(out[row * (columns + 1) + column])
                    #expect(abs(got - wanted) < 1e-4, "\(row), \(column), \(set)")
                }
            }
        }
    }

    @Test(arguments: [(1, 1, 4), (64, 77, 16), (3, 128, 64), (50, 129, 40), (5, 300, 8)])
    func `attention's running softmax is the softmax`(queries: Int, keys: Int, columns: Int) {
        // Scores that rise along the keys, so that the highest so far changes again and again.
        let q = Self.numbers(queries * columns, 0.7)
        let k = (0..<keys * columns).map { Float(sin(Double($0)) + Double($0 / columns) / 40) }
        let v = Self.numbers(keys * columns, 1.9)
        withEachSet { set in
            let panel = refinery_product_columns()
            let rows = (keys + panel - 1) / panel * panel
            let keyPanels = Self.panels(k, rows: keys, columns: columns)
            var valuePanels = [Float](
                repeating: .nan, count: (columns + panel - 1) / panel * rows * panel)
            refinery_pack_values(
                &valuePanels, rows * panel, v, keys, rows, columns, columns)
            var scratch = [Float](repeating: .nan, count: refinery_attention_scratch(columns))
            var out = [Float](repeating: .nan, count: queries * columns)
            refinery_attend(
                &out, columns, q, columns, queries, keyPanels, valuePanels, rows * panel, keys,
                columns, &scratch)
            for query in 0..<queries {
                let scores = (0..<keys).map { key in
                    var score = 0.0
                    for c in 0..<columns {
                        score += Double(q[query * columns + c]) * Double(k[key * columns + c])
                    }
                    return score / Double(columns).squareRoot()
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exp($0 - top) }
                let total = weights.reduce(0, +)
                for column in 0..<columns {
                    var wanted = 0.0
                    for key in 0..<keys {
                        wanted += weights[key] / total * Double(v[key * columns + column])
                    }
                    let got = Double(out[query * columns + column])
                    #expect(abs(got - wanted) < 1e-5, "\(query), \(column), \(set)")
                }
            }
        }
    }
}
