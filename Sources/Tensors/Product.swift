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
    /// Rows of packed weights in a panel, by this CPU's instruction set.
    static var panel: Int { refinery_product_columns() }
}

extension Compute {
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
