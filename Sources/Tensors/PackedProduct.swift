internal import CKernels

/// Plain products with packed weights: for what has too few tokens or inputs for ``Strassen``, such as
/// texts. Weights are packed a piece at a time, in a core's own cache, and written nowhere.
enum PackedProduct {
    /// Fewer tokens, and packing costs more than OpenBLAS takes.
    static let tokensMinimum = 16
    static let inputsMinimum = 128
    static let outputsMinimum = 32
    /// Inputs in one piece.
    static let depth = 320
    /// Tokens that share a piece of weights.
    static let rows = 512

    /// Whether it pays for products of these sizes; by shapes alone, as all tiling.
    static func pays(tokens: Int, inputs: Int, outputs: Int) -> Bool {
        tokens >= tokensMinimum && inputs >= inputsMinimum && outputs >= outputsMinimum
    }
}

extension Compute {
    /// `out` = `layer` of each token, or added to it where it `accumulates`; then `activation`, then plus
    /// `residual`.
    func packedLinear(
        _ input: Activation, _ layer: Linear, activation kind: ActivationFunction,
        residual: Activation?, accumulates: Bool, into out: Activation
    ) {
        let panel = Tile.panel
        let panels = (layer.outputs + panel - 1) / panel
        let groups = (input.rows + PackedProduct.rows - 1) / PackedProduct.rows
        scoped {
            let bias = layer.bias.map { widened($0, from: layer.firstRow, count: layer.outputs) }
            let workers = activeThreadCount
            withWeights(of: layer) { weights, dtype in
                withWorkerScratch(PackedProduct.depth * panel) { scratch in
                    forEachTile(
                        groups * panels, operations: 2 * input.rows * layer.inputs * layer.outputs
                    ) { index, worker in
                        let row = index / panels * PackedProduct.rows
                        let column = index % panels * panel
                        let rows = min(PackedProduct.rows, input.rows - row)
                        let columns = min(panel, layer.outputs - column)
                        let start = row * out.channels + column
                        let rowBytes = layer.inputs * dtype.byteCount
                        let from = weights + column * rowBytes
                        let packed = scratch(worker)
                        func piece(
                            _ weights: UnsafeRawPointer, _ first: Int, _ rows: Int
                        ) -> refinery_ahead {
                            let depth = min(PackedProduct.depth, layer.inputs - first)
                            return refinery_ahead(
                                starts: (weights + first * dtype.byteCount, nil, nil, nil),
                                count: 1, rows: rows, byte_count: depth * dtype.byteCount,
                                stride: rowBytes)
                        }
                        for first in stride(from: 0, to: layer.inputs, by: PackedProduct.depth) {
                            let depth = min(PackedProduct.depth, layer.inputs - first)
                            refinery_pack_weights(
                                packed, from, dtype.kernel, columns, layer.inputs, first, depth)
                            let next = first + depth
                            // After its last piece a worker probably takes the panel after the others'.
                            let later = column + workers * panel
                            var ahead =
                                next < layer.inputs
                                ? piece(from, next, columns)
                                : piece(
                                    from + workers * panel * rowBytes, 0,
                                    max(0, min(panel, layer.outputs - later)))
                            refinery_packed_product(
                                out.data + start, out.channels,
                                input.data + row * layer.inputs + first, layer.inputs, packed,
                                rows, columns, depth, accumulates || first > 0, &ahead)
                        }
                        refinery_epilogue(
                            out.data + start, out.channels, out.data + start, out.channels, rows,
                            columns, bias.map { $0 + column },
                            residual.map { UnsafePointer($0.data + start) }, kind.kernel)
                    }
                }
            }
        }
    }
}
