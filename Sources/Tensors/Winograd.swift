internal import CKernels

/// 3x3 convolutions in fewer multiplications: a tile of 4 x 4 outputs takes 36 products a channel in
/// place of 144, at the price of transforming filters, inputs and outputs (Lavin and Gray 2016).
/// The transforms are exact but for rounding, which grows a few times over the plain sum's.
///
/// Tiles are taken in blocks. A block's inputs are transformed first, by all threads. Then each thread
/// takes panels of filters: it transforms them a few channels at a time, in its core's own cache,
/// multiplies all 36 planes, and after the last channel transforms the sums into outputs.
enum Winograd {
    static let tileSide = 4
    static let planes = 36
    /// Fewer tiles than this, and transforming the filters costs more than the products save.
    static let tilesMinimum = 4
    /// Fewer channels than this, and the transforms cost more than the products save.
    static let channelsMinimum = 32
    /// The most tiles of a block: what a panel's products over all planes may take of a core's cache.
    static let blockTiles = 128
    /// Channels of filters that are transformed at once.
    static let depth = 80
    /// The last ones, beside each of whose products a part of the next filters is fetched.
    static let planesAhead = 4

    /// Whether it pays for a convolution of these sizes; by shapes alone, as all tiling.
    static func pays(height: Int, width: Int, inputs: Int, outputs: Int) -> Bool {
        let tiles = tileCount(height) * tileCount(width)
        return tiles >= tilesMinimum && inputs >= channelsMinimum && outputs >= channelsMinimum
    }

    static func tileCount(_ side: Int) -> Int { (side + tileSide - 1) / tileSide }
}

extension Compute {
    /// `out` = the convolution of each image with a padding of one, plus `offsets` ([images, outputs])
    /// and `residual`, which may be `out`. With `upsamples` the picture is first doubled, to `out`'s
    /// size.
    func winograd(
        _ input: Activation, _ layer: Convolution, upsamples: Bool,
        offsets: UnsafePointer<Float>, residual: Activation?, into out: Activation
    ) {
        let product = WinogradProduct(
            input: input, layer: layer,
            grid: refinery_winograd_grid(
                height: out.height, width: out.width, tile_columns: Winograd.tileCount(out.width),
                upsample: upsamples),
            offsets: offsets, residual: residual, out: out)
        let tiles = input.images * product.imageTiles
        let panels = (layer.outputs + WinogradProduct.panel - 1) / WinogradProduct.panel
        let blockTiles = min(tiles, Winograd.blockTiles)
        scoped {
            let transformed = arena.floats(Winograd.planes * blockTiles * layer.inputs)
            withFilters(of: layer, first: 0, rows: layer.outputs) { filters, dtype in
                withWorkerScratch(product.scratch(tiles: blockTiles)) { scratch in
                    for first in stride(from: 0, to: tiles, by: blockTiles) {
                        let block = first..<min(tiles, first + blockTiles)
                        transformInputs(of: product, block, into: transformed)
                        forEachTile(
                            panels,
                            operations: 2 * Winograd.planes * block.count * layer.inputs
                                * layer.outputs
                        ) { panel, worker in
                            product.multiply(
                                transformed, block, panel: panel, filters: filters, dtype,
                                scratch: scratch(worker))
                        }
                    }
                }
            }
        }
    }

    /// A block of tiles as 36 planes [tiles, inputs].
    private func transformInputs(
        of product: WinogradProduct, _ block: Range<Int>,
        into transformed: UnsafeMutablePointer<Float>
    ) {
        let inputs = product.layer.inputs
        profile?.begin(
            .transforms(
                "winograd inputs", rows: block.count, channels: inputs,
                floats: (16 + Winograd.planes) * block.count * inputs))
        defer { profile?.end() }
        let few = 4
        forEachTile(
            (block.count + few - 1) / few, operations: Winograd.planes * block.count * inputs * 12
        ) { index, _ in
            let first = index * few
            let tiles = block.dropFirst(first).prefix(few)
            product.forEachImage(of: tiles) { image, own, before in
                var grid = product.grid
                refinery_winograd_inputs(
                    transformed + (first + before) * inputs, block.count * inputs,
                    product.input.image(image), &grid, inputs, own.lowerBound, own.count)
            }
        }
    }
}

/// One convolution on its way: what all its panels share.
private struct WinogradProduct {
    let input: Activation
    let layer: Convolution
    let grid: refinery_winograd_grid
    /// [images, outputs]
    let offsets: UnsafePointer<Float>
    let residual: Activation?
    let out: Activation

    static var panel: Int { Tile.panel }
    static var filterPlane: Int { Winograd.depth * panel }

    /// Of one image.
    var imageTiles: Int { grid.tile_columns * Winograd.tileCount(grid.height) }

    /// Floats that a worker needs for blocks of so many tiles.
    func scratch(tiles: Int) -> Int {
        Winograd.planes * (Self.filterPlane + tiles * Self.panel)
    }

    /// Cuts tiles of the batch where one image ends and the next begins.
    ///
    /// - Parameter body: gets the image, its tiles, and how many of `tiles` were before them.
    func forEachImage(
        of tiles: Range<Int>, _ body: (_ image: Int, _ tiles: Range<Int>, _ before: Int) -> Void
    ) {
        var first = tiles.lowerBound
        while first < tiles.upperBound {
            let image = first / imageTiles
            let start = image * imageTiles
            let end = min(tiles.upperBound, start + imageTiles)
            body(image, first - start..<end - start, first - tiles.lowerBound)
            first = end
        }
    }

    /// One panel of filters over a block of tiles.
    func multiply(
        _ transformed: UnsafePointer<Float>, _ block: Range<Int>, panel: Int,
        filters: UnsafeRawPointer, _ dtype: WeightTensor.DType,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let inputs = layer.inputs
        let column = panel * Self.panel
        let columns = min(Self.panel, layer.outputs - column)
        let rowBytes = inputs * 9 * dtype.byteCount
        let rows = filters + column * rowBytes
        let products = scratch + Winograd.planes * Self.filterPlane
        let productPlane = block.count * columns
        for first in stride(from: 0, to: inputs, by: Winograd.depth) {
            let depth = min(Winograd.depth, inputs - first)
            refinery_winograd_filters(
                scratch, Self.filterPlane, rows, dtype.kernel, columns, inputs, first, depth)
            let next = first + depth
            var ahead = refinery_ahead()
            ahead.rows = columns / Winograd.planesAhead
            ahead.byte_count = min(Winograd.depth, max(0, inputs - next)) * 9 * dtype.byteCount
            ahead.stride = rowBytes
            for plane in 0..<Winograd.planes {
                // Earlier, the inputs that pass by would push the filters out again.
                let part = plane - (Winograd.planes - Winograd.planesAhead)
                if part >= 0 {
                    ahead.starts.0 =
                        rows + next * 9 * dtype.byteCount + part * ahead.rows * rowBytes
                    ahead.count = 1
                }
                refinery_packed_product(
                    products + plane * productPlane, columns,
                    transformed + plane * block.count * inputs + first, inputs,
                    scratch + plane * Self.filterPlane, block.count, columns, depth, first > 0,
                    &ahead)
            }
        }
        forEachImage(of: block) { image, own, before in
            let start = image * out.tokens * out.channels + column
            var grid = grid
            refinery_winograd_outputs(
                out.data + start, out.channels, products + before * columns, productPlane, &grid,
                columns, offsets + image * layer.outputs + column,
                residual.map { UnsafePointer($0.data + start) }, own.lowerBound, own.count)
        }
    }
}
