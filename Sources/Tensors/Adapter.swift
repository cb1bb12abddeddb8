internal import CKernels

/// A change of a layer's weights by the product of two small matrices: W + scale * up * down (LoRA:
/// Hu et al. 2021, section 4.1). The layer's own weights stay as they are in their file.
///
/// The change is laid over each panel of weights after it is widened and before it is multiplied, so the
/// products and their tiles are those of a layer without adapters. That takes 2 * rank operations a weight
/// whatever the size of the picture: at rank 32, 1280 channels and both images of guidance 7 % of a
/// linear layer at 16 x 16 and 1 % at 32 x 32, of a convolution 7 and 2 %. Adding (x downᵀ) upᵀ to each
/// result took 26 and 5 %, and would be another way of summing for every kind of convolution.
public struct Adapter: Sendable {
    /// [rank, inputs], or a convolution's [rank, inputs, 3, 3]; axes of 1 after these are the same.
    public let down: WeightTensor
    /// [outputs, rank]; axes of 1 after these are the same.
    public let up: WeightTensor
    public let scale: Float

    public var rank: Int { down.shape[0] }

    public init(down: WeightTensor, up: WeightTensor, scale: Float) {
        precondition(down.shape.count >= 2 && up.shape.count >= 2)
        precondition(up.shape[1] == down.shape[0])
        self.down = down
        self.up = up
        self.scale = scale
    }
}

extension Compute {
    /// Adds what `adapters` change to widened weights.
    ///
    /// - Parameters:
    ///   - panel: [rows, columns]; a convolution's columns are its inputs times nine.
    ///   - firstRow: the panel's first row among the layer's outputs.
    func add(
        _ adapters: [Adapter], firstRow: Int, rows: Int, columns: Int,
        to panel: UnsafeMutablePointer<Float>
    ) {
        for adapter in adapters {
            let rank = adapter.rank
            profile?.begin(.product("adapter", m: rows, k: rank, n: columns))
            defer { profile?.end() }
            scoped {
                let up = widened(adapter.up, from: firstRow * rank, count: rows * rank)
                let down = widened(adapter.down)
                let block = 64
                forEachTile(
                    (rows + block - 1) / block, operations: 2 * rows * columns * rank
                ) { index, _ in
                    let row = index * block
                    sgemm(
                        m: min(block, rows - row), n: columns, k: rank, alpha: adapter.scale,
                        a: up + row * rank, lda: rank, b: down, ldb: columns, transposeB: false,
                        c: panel + row * columns, ldc: columns, accumulate: true)
                }
            }
        }
    }

    /// Rows of weights: where they are, or with adapters laid over them, as float32 while `body` runs.
    ///
    /// - Parameters:
    ///   - rows: of the layer's outputs.
    ///   - columns: of each; a convolution's inputs times nine.
    ///   - firstRow: the layer's first row in `weight`.
    func withRows(
        _ rows: Range<Int>, of weight: WeightTensor, columns: Int, firstRow: Int = 0,
        adapters: [Adapter],
        _ body: (_ weights: UnsafeRawPointer, _ dtype: WeightTensor.DType) -> Void
    ) {
        let first = firstRow + rows.lowerBound
        guard !adapters.isEmpty else {
            return body(weight.bytes + first * columns * weight.dtype.byteCount, weight.dtype)
        }
        scoped {
            let adapted = arena.floats(rows.count * columns)
            widenPanel(
                weight, firstRow: first, rows: rows.count, columns: columns, into: adapted)
            add(
                adapters, firstRow: rows.lowerBound, rows: rows.count, columns: columns,
                to: adapted)
            body(adapted, .float32)
        }
    }
}

extension WeightTensor {
    /// The first element.
    public var firstElement: Float {
        precondition(elementCount > 0)
        var value: Float = 0
        refinery_widen(&value, bytes, dtype.kernel, 1)
        return value
    }
}
