internal import CKernels

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
        let accumulates = residual?.data == out.data
        precondition(!accumulates || kind == .none)
        profile?.begin(.linear(input, layer))
        defer { profile?.end() }
        if Strassen.pays(tokens: input.tokens, inputs: layer.inputs, outputs: layer.outputs) {
            strassen(input, layer, activation: kind, residual: residual, into: out)
        } else if PackedProduct.pays(
            tokens: input.tokens, inputs: layer.inputs, outputs: layer.outputs)
        {
            packedLinear(
                input, layer, activation: kind, residual: accumulates ? nil : residual,
                accumulates: accumulates, into: out)
        } else {
            plainLinear(
                input, layer, activation: kind, residual: accumulates ? nil : residual,
                accumulates: accumulates, into: out)
        }
    }

    /// A new activation of half as many channels as `layer` has outputs: the first half of these times
    /// the GELU of the second (GEGLU: Shazeer 2020, equation 6).
    public func gatedLinear(_ input: Activation, _ layer: Linear) -> Activation {
        precondition(input.channels == layer.inputs && layer.outputs % 2 == 0)
        let out = activation(like: input, channels: layer.outputs / 2)
        scoped {
            if Strassen.pays(
                tokens: input.tokens, inputs: layer.inputs, outputs: layer.outputs)
            {
                profile?.begin(.linear(input, layer))
                strassen(input, layer, gated: true, into: out)
                profile?.end()
            } else {
                geglu(linear(input, layer), into: out)
            }
        }
        return out
    }

    /// In tiles of one product each, over widened panels: what is too small to be packed.
    private func plainLinear(
        _ input: Activation, _ layer: Linear, activation kind: ActivationFunction,
        residual: Activation?, accumulates: Bool, into out: Activation
    ) {
        let inputs = layer.inputs
        let outputs = layer.outputs
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
                    if bias != nil || residual != nil || kind != .none {
                        refinery_epilogue(
                            tile, outputs, tile, outputs, m, n, bias.map { $0 + first + column },
                            residual.map { UnsafePointer($0.data + start) }, kind.kernel)
                    }
                }
            }
        }
    }

    /// All of a layer's weights, adapters included.
    func withWeights(
        of layer: Linear, _ body: (_ weights: UnsafeRawPointer, _ dtype: WeightTensor.DType) -> Void
    ) {
        withRows(
            0..<layer.outputs, of: layer.weight, columns: layer.inputs, firstRow: layer.firstRow,
            adapters: layer.adapters, body)
    }
}
