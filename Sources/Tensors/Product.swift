internal import CKernels
internal import COpenBLAS

/// Sizes of the tiles that products are cut into. They never depend on threads, lanes or batches.
enum Tile {
    /// Rows of activations in a tile.
    static let rows = 256
    /// Rows of weights, which are columns of the result, in a tile.
    static let columns = 320
    /// The most floats of widened weights at once: they should stay in the last-level cache.
    static let panelFloats = 4 << 20
}

/// A fully connected layer: y = x Wᵀ + bias.
public struct Linear: Sendable {
    /// [outputs, inputs]; a 1x1 convolution's [outputs, inputs, 1, 1] is the same bytes.
    public let weight: WeightTensor
    public let bias: WeightTensor?
    public let inputs: Int
    public let outputs: Int
    /// The first row of `weight` that is this layer's: fused projections share a tensor.
    let firstRow: Int
    /// Laid over the weights, in this order.
    public var adapters: [Adapter] = []

    public init(weight: WeightTensor, bias: WeightTensor?, rows: Range<Int>? = nil) {
        precondition(weight.shape.count >= 2)
        self.weight = weight
        self.bias = bias
        inputs = weight.shape[1]
        firstRow = rows?.lowerBound ?? 0
        outputs = rows?.count ?? weight.shape[0]
    }
}

extension Compute {
    /// A new activation: `layer` of each token, then `activation`, then plus `residual`.
    public func linear(
        _ input: Activation, _ layer: Linear, activation kind: ActivationFunction = .none,
        residual: Activation? = nil
    ) -> Activation {
        let out = activation(like: input, channels: layer.outputs)
        linear(input, layer, activation: kind, residual: residual, into: out)
        return out
    }

    /// `out` may be `residual` (the result is then added onto it), not `input`.
    public func linear(
        _ input: Activation, _ layer: Linear, activation kind: ActivationFunction = .none,
        residual: Activation? = nil, into out: Activation
    ) {
        precondition(input.channels == layer.inputs && out.channels == layer.outputs)
        precondition(input.rows == out.rows && residual.map { $0.count == out.count } ?? true)
        let inputs = layer.inputs
        let outputs = layer.outputs
        profile?.begin(.product("linear", m: input.rows, k: inputs, n: outputs))
        defer { profile?.end() }
        let accumulates = residual?.data == out.data
        precondition(!accumulates || kind == .none)
        let added = accumulates ? nil : residual
        scoped {
            let bias = layer.bias.map { widened($0, from: layer.firstRow, count: outputs) }
            let panelRows = min(outputs, max(Tile.columns, Tile.panelFloats / inputs))
            let panel = arena.floats(panelRows * inputs)
            let rowTiles = (input.tokens + Tile.rows - 1) / Tile.rows
            for first in stride(from: 0, to: outputs, by: panelRows) {
                let columns = min(panelRows, outputs - first)
                widenPanel(
                    layer.weight, firstRow: layer.firstRow + first, rows: columns, columns: inputs,
                    into: panel)
                add(layer.adapters, firstRow: first, rows: columns, columns: inputs, to: panel)
                let columnTiles = (columns + Tile.columns - 1) / Tile.columns
                forEachTile(
                    input.images * rowTiles * columnTiles,
                    operations: 2 * input.rows * inputs * columns
                ) { index, _ in
                    let image = index / (rowTiles * columnTiles)
                    let row = index / columnTiles % rowTiles * Tile.rows
                    let column = index % columnTiles * Tile.columns
                    let m = min(Tile.rows, input.tokens - row)
                    let n = min(Tile.columns, columns - column)
                    let start = (image * input.tokens + row) * outputs + first + column
                    let tile = out.data + start
                    sgemm(
                        m: m, n: n, k: inputs,
                        a: input.image(image) + row * inputs, lda: inputs,
                        b: panel + column * inputs, ldb: inputs, transposeB: true,
                        c: tile, ldc: outputs, accumulate: accumulates)
                    if bias != nil || added != nil || kind != .none {
                        refinery_epilogue(
                            tile, outputs, tile, outputs, m, n, bias.map { $0 + first + column },
                            added.map { UnsafePointer($0.data + start) }, kind.kernel)
                    }
                }
            }
        }
    }

    /// Rows `firstRow..<firstRow + rows` of a weight matrix as float32.
    func widenPanel(
        _ weight: WeightTensor, firstRow: Int, rows: Int, columns: Int,
        into panel: UnsafeMutablePointer<Float>
    ) {
        let block = 32
        profile?.begin(.widening(weight.dtype, rows: rows, columns: columns))
        defer { profile?.end() }
        forEachTile((rows + block - 1) / block, operations: rows * columns) { index, _ in
            let start = index * block
            refinery_widen(
                panel + start * columns,
                weight.bytes + (firstRow + start) * columns * weight.dtype.byteCount,
                weight.dtype.kernel, min(block, rows - start) * columns)
        }
    }

    /// A new activation: each token times `matrix` ([inputs, outputs], not transposed). For single
    /// rows such as a pooled text.
    public func multiply(_ input: Activation, byMatrix matrix: WeightTensor) -> Activation {
        precondition(matrix.shape.count == 2 && matrix.shape[0] == input.channels)
        let outputs = matrix.shape[1]
        profile?.begin(.product("matrix", m: input.rows, k: input.channels, n: outputs))
        defer { profile?.end() }
        let out = activation(like: input, channels: outputs)
        scoped {
            let wide = widened(matrix)
            forEachTile(
                input.rows, operations: 2 * input.count * outputs
            ) { row, _ in
                sgemm(
                    m: 1, n: outputs, k: input.channels, a: input.data + row * input.channels,
                    lda: input.channels, b: wide, ldb: outputs, transposeB: false,
                    c: out.data + row * outputs, ldc: outputs)
            }
        }
        return out
    }

    /// Rows of a table of weights, [rows, columns], as float32.
    public func copyRows(
        of table: WeightTensor, _ rows: Range<Int>, into out: UnsafeMutablePointer<Float>
    ) {
        let columns = table.shape[1]
        profile?.begin(.widening(table.dtype, rows: rows.count, columns: columns))
        defer { profile?.end() }
        precondition(rows.lowerBound >= 0 && rows.upperBound <= table.shape[0])
        refinery_widen(
            out, table.bytes + rows.lowerBound * columns * table.dtype.byteCount,
            table.dtype.kernel, rows.count * columns)
    }

    /// `count` elements of a vector of weights as float32, in the arena.
    func widened(_ weight: WeightTensor, from first: Int = 0, count: Int? = nil)
        -> UnsafeMutablePointer<Float>
    {
        let count = count ?? weight.elementCount
        profile?.begin(.widening(weight.dtype, columns: count))
        defer { profile?.end() }
        let out = arena.floats(count)
        refinery_widen(
            out, weight.bytes + first * weight.dtype.byteCount, weight.dtype.kernel, count)
        return out
    }
}

/// c = alpha a b (+ c, when `accumulate`), row-major: the one seam to OpenBLAS.
func sgemm(
    m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafePointer<Float>, lda: Int,
    b: UnsafePointer<Float>, ldb: Int, transposeB: Bool,
    c: UnsafeMutablePointer<Float>, ldc: Int, accumulate: Bool = false
) {
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
        blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb),
        accumulate ? 1 : 0, c, blasint(ldc))
}

extension WeightTensor.DType {
    var kernel: refinery_dtype {
        switch self {
        case .float32: refinery_dtype_float32
        case .float16: refinery_dtype_float16
        case .bfloat16: refinery_dtype_bfloat16
        }
    }
}
