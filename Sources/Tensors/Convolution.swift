internal import CKernels

/// A 3x3 convolution, padded by `padding` zeros above and left and as needed below and right.
public struct Convolution: Sendable {
    /// [outputs, inputs, 3, 3]
    public let weight: WeightTensor
    public let bias: WeightTensor
    public let inputs: Int
    public let outputs: Int
    /// Laid over the weights, in this order.
    public var adapters: [Adapter] = []

    public init(weight: WeightTensor, bias: WeightTensor) {
        precondition(weight.shape.count == 4 && weight.shape[2] == 3 && weight.shape[3] == 3)
        self.weight = weight
        self.bias = bias
        outputs = weight.shape[0]
        inputs = weight.shape[1]
    }

    /// How the filter moves over the picture.
    public enum Stride: Sendable {
        /// Every pixel, one zero all around.
        case one
        /// Every second pixel, one zero all around: the UNet's downsampling.
        case two
        /// Every second pixel, one zero right and below only: the VAE encoder's downsampling.
        case twoUnpaddedBefore
        /// The picture is first doubled (nearest), to this size.
        case upsampled(height: Int, width: Int)
    }
}

extension Compute {
    /// A new activation: `layer` of the picture; `offset` ([images, outputs], optional) is added to
    /// every pixel, then `residual`.
    public func convolution(
        _ input: Activation, _ layer: Convolution, stride: Convolution.Stride = .one,
        offset: Activation? = nil, residual: Activation? = nil
    ) -> Activation {
        let geometry = Geometry(input, stride)
        let out = activation(
            images: input.images, height: geometry.outHeight, width: geometry.outWidth,
            channels: layer.outputs)
        convolution(
            input, layer, stride: stride, offset: offset, residual: residual, into: out)
        return out
    }

    /// `out` may be `residual` (the result is then added onto it), not `input`.
    public func convolution(
        _ input: Activation, _ layer: Convolution, stride: Convolution.Stride = .one,
        offset: Activation? = nil, residual: Activation? = nil, into out: Activation
    ) {
        let geometry = Geometry(input, stride)
        precondition(input.channels == layer.inputs && out.channels == layer.outputs)
        precondition(out.height == geometry.outHeight && out.width == geometry.outWidth)
        precondition(residual.map { $0.count == out.count } ?? true)
        profile?.begin(.convolution(input, to: out))
        defer { profile?.end() }
        let accumulates = residual?.data == out.data
        let added = accumulates ? nil : residual
        scoped {
            let offsets = pixelOffsets(layer, offset: offset, images: input.images)
            if geometry.step == 1,
                Winograd.pays(
                    height: out.height, width: out.width, inputs: layer.inputs,
                    outputs: layer.outputs)
            {
                winograd(
                    input, layer, upsamples: geometry.upsamples, offsets: offsets,
                    residual: residual, into: out)
                return
            }
            let taps = 9
            let inputs = layer.inputs
            let panelRows = min(
                layer.outputs, max(Tile.columns, Tile.panelFloats / (taps * inputs)))
            let panel = arena.floats(panelRows * taps * inputs)
            let rowTiles = (out.tokens + Tile.rows - 1) / Tile.rows
            for first in Swift.stride(from: 0, to: layer.outputs, by: panelRows) {
                let columns = min(panelRows, layer.outputs - first)
                widenFilters(layer, first: first, rows: columns, taps: taps, into: panel)
                let columnTiles = (columns + Tile.columns - 1) / Tile.columns
                withWorkerScratch(Tile.rows * inputs) { scratch in
                    forEachTile(
                        input.images * rowTiles * columnTiles,
                        operations: 2 * out.rows * taps * inputs * columns
                    ) { index, worker in
                        let image = index / (rowTiles * columnTiles)
                        let row = index / columnTiles % rowTiles * Tile.rows
                        let column = index % columnTiles * Tile.columns
                        let m = min(Tile.rows, out.tokens - row)
                        let n = min(Tile.columns, columns - column)
                        let start = (image * out.tokens + row) * out.channels + first + column
                        let gathered = scratch(worker)
                        for tap in 0..<taps {
                            refinery_gather_tap(
                                gathered, input.image(image), geometry.height, geometry.width,
                                inputs, out.width, geometry.step,
                                tap / 3 - geometry.padding, tap % 3 - geometry.padding,
                                geometry.upsamples, row, m)
                            sgemm(
                                m: m, n: n, k: inputs, a: gathered, lda: inputs,
                                b: panel + (tap * columns + column) * inputs, ldb: inputs,
                                transposeB: true, c: out.data + start, ldc: out.channels,
                                accumulate: accumulates || tap > 0)
                        }
                        refinery_epilogue(
                            out.data + start, out.channels, out.data + start, out.channels, m, n,
                            offsets + image * layer.outputs + first + column,
                            added.map { UnsafePointer($0.data + start) }, refinery_activation_none)
                    }
                }
            }
        }
    }

    /// Bias plus the image's own offset, [images, outputs].
    private func pixelOffsets(
        _ layer: Convolution, offset: Activation?, images: Int
    ) -> UnsafeMutablePointer<Float> {
        let offsets = arena.floats(images * layer.outputs)
        let bias = widened(layer.bias)
        for image in 0..<images {
            let row = offsets + image * layer.outputs
            row.update(from: bias, count: layer.outputs)
            if let offset {
                refinery_add(row, offset.image(image), layer.outputs)
            }
        }
        return offsets
    }

    /// Filters `first..<first + rows` as one float32 matrix [rows, inputs] for each tap.
    private func widenFilters(
        _ layer: Convolution, first: Int, rows: Int, taps: Int,
        into panel: UnsafeMutablePointer<Float>
    ) {
        let block = 16
        let row = layer.inputs * taps
        profile?.begin(.widening(layer.weight.dtype, rows: rows, columns: row))
        defer { profile?.end() }
        withFilters(of: layer, first: first, rows: rows) { filters, dtype in
            withWorkerScratch(row) { scratch in
                forEachTile((rows + block - 1) / block, operations: rows * row) { index, worker in
                    let start = index * block
                    refinery_widen_filters(
                        panel + start * layer.inputs, filters + start * row * dtype.byteCount,
                        dtype.kernel, min(block, rows - start), layer.inputs, taps,
                        rows * layer.inputs, scratch(worker))
                }
            }
        }
    }

    /// Filters `first..<first + rows`, [rows, inputs, 3, 3], adapters included.
    func withFilters(
        of layer: Convolution, first: Int, rows: Int,
        _ body: (_ filters: UnsafeRawPointer, _ dtype: WeightTensor.DType) -> Void
    ) {
        withRows(
            first..<first + rows, of: layer.weight, columns: layer.inputs * 9,
            adapters: layer.adapters, body)
    }
}

/// The sizes of one convolution.
private struct Geometry {
    /// Of the picture the filter moves over: the enlarged one when it `upsamples`.
    let height: Int
    let width: Int
    let outHeight: Int
    let outWidth: Int
    let step: Int
    let padding: Int
    let upsamples: Bool

    init(_ input: Activation, _ stride: Convolution.Stride) {
        switch stride {
        case .one:
            (height, width) = (input.height, input.width)
            (outHeight, outWidth) = (height, width)
            (step, padding, upsamples) = (1, 1, false)
        case .two:
            (height, width) = (input.height, input.width)
            (outHeight, outWidth) = ((height + 1) / 2, (width + 1) / 2)
            (step, padding, upsamples) = (2, 1, false)
        case .twoUnpaddedBefore:
            (height, width) = (input.height, input.width)
            (outHeight, outWidth) = (height / 2, width / 2)
            (step, padding, upsamples) = (2, 0, false)
        case .upsampled(let toHeight, let toWidth):
            precondition((toHeight + 1) / 2 == input.height && (toWidth + 1) / 2 == input.width)
            (height, width) = (toHeight, toWidth)
            (outHeight, outWidth) = (height, width)
            (step, padding, upsamples) = (1, 1, true)
        }
    }
}
