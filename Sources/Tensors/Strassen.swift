internal import CKernels

/// Products in seven eighths of the multiplications: each tile is a product of matrices of 2 x 2 quarters,
/// made of 7 products of sums of quarters in place of 8 (Strassen 1969, in Winograd's form with 15
/// additions: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 23.2.2).
///
/// One level only. Its error is bounded in the norm of a tile, not element by element, and is a few
/// times the plain sum's: `StrassenTests` holds both. The sums of activations are made once a layer.
/// Those of weights are made where they are used, a piece at a time that stays in a core's own cache, and
/// packed for the kernel: weights are read once from their file for each few hundred tokens, and written
/// nowhere. OpenBLAS cannot take packed operands, so the products are our own kernel's. On two cores of a
/// Zen 4, 256 tokens, 1280 -> 10240: 215 nominal GFLOPS, where OpenBLAS over widened panels had 165 and
/// its sgemm on matrices in cache 200.
enum Strassen {
    /// Fewer tokens, and the sums of weights cost more than the products save.
    static let tokensMinimum = 192
    /// Fewer, and the sums cost more than the products save.
    static let inputsMinimum = 512
    static let outputsMinimum = 128
    /// S1...S4; A11, A12 and A22 are used where they are.
    static let inputPlanes = 4
    /// B11, B21, B22, T1...T3 and -T4, and as many products.
    static let weightPlanes = 7
    /// Of each half of the inputs, in one piece.
    static let depth = 320
    /// Row tiles that share a piece of weights: their products should stay in a core's own cache.
    static let tilesTogether = 4

    /// Whether it pays for products of these sizes; by shapes alone, as all tiling.
    static func pays(tokens: Int, inputs: Int, outputs: Int) -> Bool {
        tokens >= tokensMinimum && inputs >= inputsMinimum && inputs % 2 == 0
            && outputs >= outputsMinimum
    }
}

/// Columns of a tile: two panels of the layer's outputs, which need not be neighbours.
private struct ColumnPair {
    let left: Int
    let right: Int
    /// Of the left half.
    let count: Int
    /// At most as many.
    let rightCount: Int

    /// - Parameter gated: whether the right halves are the gates to the left ones' values.
    init(_ index: Int, panel: Int, outputs: Int, gated: Bool) {
        if gated {
            left = index * panel
            right = left + outputs / 2
            count = min(panel, outputs / 2 - left)
            rightCount = count
        } else {
            left = 2 * index * panel
            let columns = min(2 * panel, outputs - left)
            count = (columns + 1) / 2
            right = left + count
            rightCount = columns - count
        }
    }

    static func count(panel: Int, outputs: Int) -> Int {
        (outputs + 2 * panel - 1) / (2 * panel)
    }
}

/// A tile's rows, of one image.
private struct RowTile {
    let image: Int
    let first: Int
    let count: Int
    /// Of the upper half: at least as many as the lower one's.
    var half: Int { (count + 1) / 2 }

    init(_ index: Int, tokens: Int) {
        let tiles = Self.count(tokens: tokens)
        image = index / tiles
        first = index % tiles * Tile.rows
        count = min(Tile.rows, tokens - first)
    }

    static func count(tokens: Int) -> Int { (tokens + Tile.rows - 1) / Tile.rows }
}

/// One layer's product on its way: what all its tiles share.
private struct StrassenProduct {
    let input: Activation
    let layer: Linear
    let gated: Bool
    /// [row tiles][S1...S4][Tile.rows / 2, inputs / 2]
    let sums: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>?
    let activation: ActivationFunction
    let residual: Activation?
    let out: Activation

    var half: Int { layer.inputs / 2 }
    static var panel: Int { Tile.panel }
    /// Floats of one plane of weights, and of one product.
    static var weightPlane: Int { Strassen.depth * panel }
    static var productPlane: Int { Tile.rows / 2 * panel }

    static func scratch(tiles: Int) -> Int {
        Strassen.weightPlanes * (weightPlane + tiles * productPlane)
    }
}

extension Compute {
    /// `out` = `layer` of each token, then `activation`, then plus `residual`, which may be `out`. A gated
    /// layer's outputs are values and gates, and `out` is the values times the gates' GELU.
    func strassen(
        _ input: Activation, _ layer: Linear, gated: Bool = false,
        activation kind: ActivationFunction = .none, residual: Activation? = nil,
        into out: Activation
    ) {
        let rowTiles = input.images * RowTile.count(tokens: input.tokens)
        let together = Strassen.tilesTogether
        let groups = (rowTiles + together - 1) / together
        scoped {
            let product = StrassenProduct(
                input: input, layer: layer, gated: gated,
                sums: strassenSums(of: input, rowTiles: rowTiles),
                bias: layer.bias.map { widened($0, from: layer.firstRow, count: layer.outputs) },
                activation: kind, residual: residual, out: out)
            withWeights(of: layer) { weights, dtype in
                let columns = ColumnPair.count(
                    panel: StrassenProduct.panel, outputs: layer.outputs)
                let workers = activeThreadCount
                withWorkerScratch(StrassenProduct.scratch(tiles: together)) { scratch in
                    forEachTile(
                        groups * columns,
                        operations: 2 * input.rows * layer.inputs * layer.outputs
                    ) { index, worker in
                        let first = index / columns * together
                        func pair(_ index: Int) -> ColumnPair {
                            ColumnPair(
                                index % columns, panel: StrassenProduct.panel,
                                outputs: layer.outputs, gated: gated)
                        }
                        product.multiply(
                            first..<min(rowTiles, first + together), pair(index),
                            next: index + workers < groups * columns ? pair(index + workers) : nil,
                            weights: weights, dtype, scratch: scratch(worker))
                    }
                }
            }
        }
    }

    /// S1...S4 of each row tile, in arena memory.
    private func strassenSums(
        of input: Activation, rowTiles: Int
    ) -> UnsafeMutablePointer<Float> {
        let half = input.channels / 2
        let plane = Tile.rows / 2 * half
        let sums = arena.floats(rowTiles * Strassen.inputPlanes * plane)
        profile?.begin(.transforms("strassen inputs", input, floats: 2 * input.count))
        defer { profile?.end() }
        let block = 16
        let blocks = Tile.rows / 2 / block
        forEachTile(rowTiles * blocks, operations: 8 * input.count) { index, _ in
            let row = RowTile(index / blocks, tokens: input.tokens)
            let first = index % blocks * block
            guard first < row.half else { return }
            refinery_strassen_inputs(
                sums + index / blocks * Strassen.inputPlanes * plane, plane,
                input.image(row.image) + row.first * input.channels, input.channels, row.half,
                row.count, first, min(block, row.half - first))
        }
        return sums
    }
}

extension StrassenProduct {
    /// A few row tiles of one pair of panels, piece by piece down the inputs.
    ///
    /// - Parameter next: the columns that this worker probably takes next.
    func multiply(
        _ tiles: Range<Int>, _ columns: ColumnPair, next: ColumnPair?,
        weights: UnsafeRawPointer, _ dtype: WeightTensor.DType,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let rowBytes = layer.inputs * dtype.byteCount
        let products = scratch + Strassen.weightPlanes * Self.weightPlane
        for first in stride(from: 0, to: half, by: Strassen.depth) {
            let depth = min(Strassen.depth, half - first)
            refinery_strassen_weights(
                scratch, Self.weightPlane, weights + columns.left * rowBytes,
                weights + columns.right * rowBytes, dtype.kernel, columns.count,
                columns.rightCount, layer.inputs, first, depth)
            let isLast = first + depth == half
            let ahead =
                isLast
                ? next.map { Piece(columns: $0, first: 0) }
                : Piece(columns: columns, first: first + depth)
            for tile in tiles {
                let sums =
                    products
                    + (tile - tiles.lowerBound) * Strassen.weightPlanes * Self.productPlane
                multiply(
                    tile, columns.count, first: first, depth: depth, weights: scratch,
                    ahead: tile == tiles.upperBound - 1
                        ? ahead.map { self.ahead($0, of: weights, dtype) } : nil, into: sums)
                if isLast {
                    finish(sums, RowTile(tile, tokens: input.tokens), columns)
                }
            }
        }
    }

    /// Weights of a pair of panels, of the inputs from `first` on.
    private struct Piece {
        let columns: ColumnPair
        let first: Int
    }

    /// The same piece of both halves of the inputs.
    private func ahead(
        _ piece: Piece, of weights: UnsafeRawPointer, _ dtype: WeightTensor.DType
    ) -> refinery_ahead {
        let rowBytes = layer.inputs * dtype.byteCount
        let left = weights + piece.columns.left * rowBytes + piece.first * dtype.byteCount
        let right = weights + piece.columns.right * rowBytes + piece.first * dtype.byteCount
        let other = half * dtype.byteCount
        // Right columns may be fewer by one or two: what is behind them is fetched for nothing.
        return refinery_ahead(
            starts: (left, left + other, right, right + other), count: 4,
            rows: piece.columns.count,
            byte_count: min(Strassen.depth, half - piece.first) * dtype.byteCount, stride: rowBytes)
    }

    /// Adds one piece of the inputs to a row tile's seven products.
    ///
    /// - Parameter ahead: fetched beside the last product: earlier, the rows that pass by would push it out.
    private func multiply(
        _ tile: Int, _ columns: Int, first: Int, depth: Int, weights: UnsafePointer<Float>,
        ahead: refinery_ahead?, into products: UnsafeMutablePointer<Float>
    ) {
        let row = RowTile(tile, tokens: input.tokens)
        let upper = row.half
        let channels = input.channels
        let a11 = input.image(row.image) + row.first * channels + first
        let sums = self.sums + tile * Strassen.inputPlanes * Tile.rows / 2 * half + first
        func product(
            _ plane: Int, _ a: UnsafePointer<Float>, _ stride: Int, rows: Int,
            ahead: UnsafePointer<refinery_ahead>? = nil
        ) {
            refinery_packed_product(
                products + plane * Self.productPlane, columns, a, stride,
                weights + plane * Self.weightPlane, rows, columns, depth, first > 0, ahead)
        }
        func sum(_ index: Int) -> UnsafePointer<Float> {
            UnsafePointer(sums + index * Tile.rows / 2 * half)
        }
        product(0, a11, channels, rows: upper)
        product(1, a11 + half, channels, rows: upper)
        product(2, sum(3), half, rows: upper)
        product(3, sum(0), half, rows: upper)
        product(4, sum(1), half, rows: upper)
        product(5, sum(2), half, rows: upper)
        var ahead = ahead ?? refinery_ahead()
        product(
            6, a11 + upper * channels + half, channels, rows: row.count - upper, ahead: &ahead)
    }

    /// The products' sums into `out`, with bias, activation and residual.
    private func finish(
        _ products: UnsafePointer<Float>, _ row: RowTile, _ columns: ColumnPair
    ) {
        let start = (row.image * out.tokens + row.first) * out.channels
        let left = start + columns.left
        let right = start + columns.right
        // A gated layer's right columns are not the result's.
        var place = refinery_strassen_outputs_place(
            left: out.data + left, right: gated ? nil : out.data + right, stride: out.channels,
            columns: columns.count, right_columns: columns.rightCount,
            left_bias: bias.map { UnsafePointer($0 + columns.left) },
            right_bias: bias.map { UnsafePointer($0 + columns.right) },
            left_residual: residual.map { UnsafePointer($0.data + left) },
            right_residual: residual.map { UnsafePointer($0.data + right) },
            activation: activation.kernel, gated: gated)
        refinery_strassen_outputs(
            &place, products, Self.productPlane, row.half, row.count - row.half)
    }
}
