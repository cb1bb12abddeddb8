internal import CKernels

/// 3x3 convolutions in fewer multiplications: a tile of 4 x 4 outputs takes 36 products a channel in
/// place of 144, at the price of transforming filters, inputs and outputs (Lavin and Gray 2016).
/// The transforms are exact but for rounding, which grows a few times over the plain sum's.
enum Winograd {
    static let tileSide = 4
    static let planes = 36
    /// Fewer tiles than this, and transforming the filters costs more than the products save.
    static let tilesMinimum = 32
    /// Fewer channels than this, and the transforms cost more than the products save.
    static let channelsMinimum = 32
    /// The most floats of transformed filters at once.
    static let filterFloats = 16 << 20
    /// The most floats of transformed inputs at once: they should stay in the last-level cache.
    static let inputFloats = 2 << 20

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
        let inputs = layer.inputs
        let planes = Winograd.planes
        var grid = refinery_winograd_grid(
            height: out.height, width: out.width, tile_columns: Winograd.tileCount(out.width),
            upsample: upsamples)
        let tiles = Winograd.tileCount(out.height) * grid.tile_columns
        let panelRows = min(layer.outputs, max(32, Winograd.filterFloats / (planes * inputs)))
        let chunkTiles = min(tiles, max(32, Winograd.inputFloats / (planes * inputs)))
        let filters = arena.floats(planes * panelRows * inputs)
        let transformed = arena.floats(planes * chunkTiles * inputs)
        let products = arena.floats(planes * chunkTiles * panelRows)

        for first in stride(from: 0, to: layer.outputs, by: panelRows) {
            let columns = min(panelRows, layer.outputs - first)
            transformFilters(layer, first: first, rows: columns, into: filters)
            for image in 0..<input.images {
                for chunk in stride(from: 0, to: tiles, by: chunkTiles) {
                    let count = min(chunkTiles, tiles - chunk)
                    profile?.begin(
                        .transforms(
                            "winograd inputs", rows: count, channels: inputs,
                            floats: (16 + planes) * count * inputs))
                    forEachTileBlock(of: count, operations: planes * count * inputs * 12) { block in
                        refinery_winograd_inputs(
                            transformed + block.lowerBound * inputs, count * inputs,
                            input.image(image), &grid, inputs, chunk + block.lowerBound,
                            block.count)
                    }
                    profile?.end()
                    multiplyPlanes(
                        transformed, filters, products, tiles: count, inputs: inputs,
                        columns: columns)
                    let start = image * out.tokens * out.channels + first
                    profile?.begin(
                        .transforms(
                            "winograd outputs", rows: count, channels: columns,
                            floats: (16 + planes) * count * columns))
                    forEachTileBlock(of: count, operations: planes * count * columns * 12) {
                        block in
                        refinery_winograd_outputs(
                            out.data + start, out.channels, products + block.lowerBound * columns,
                            count * columns, &grid, columns,
                            offsets + image * layer.outputs + first,
                            residual.map { UnsafePointer($0.data + start) },
                            chunk + block.lowerBound, block.count)
                    }
                    profile?.end()
                }
            }
        }
    }

    /// Filters `first..<first + rows` as 36 planes [rows, inputs].
    private func transformFilters(
        _ layer: Convolution, first: Int, rows: Int, into filters: UnsafeMutablePointer<Float>
    ) {
        let block = 8
        let row = layer.inputs * 9
        profile?.begin(
            .transforms(
                "winograd filters", rows: rows, channels: layer.inputs,
                floats: (9 + Winograd.planes) * rows * layer.inputs))
        defer { profile?.end() }
        withFilters(of: layer, first: first, rows: rows) { plain, dtype in
            withWorkerScratch(2 * row) { scratch in
                forEachTile(
                    (rows + block - 1) / block, operations: rows * layer.inputs * 100
                ) { index, worker in
                    let start = index * block
                    refinery_winograd_filters(
                        filters + start * layer.inputs, rows * layer.inputs,
                        plain + start * row * dtype.byteCount, dtype.kernel,
                        min(block, rows - start), layer.inputs, scratch(worker))
                }
            }
        }
    }

    /// Each plane's product: [tiles, inputs] times [columns, inputs] transposed.
    private func multiplyPlanes(
        _ transformed: UnsafePointer<Float>, _ filters: UnsafePointer<Float>,
        _ products: UnsafeMutablePointer<Float>, tiles: Int, inputs: Int, columns: Int
    ) {
        let columnTiles = (columns + Tile.columns - 1) / Tile.columns
        profile?.begin(
            .product("winograd", m: tiles, k: inputs, n: columns, count: Winograd.planes))
        defer { profile?.end() }
        forEachTile(
            Winograd.planes * columnTiles,
            operations: 2 * Winograd.planes * tiles * inputs * columns
        ) { index, _ in
            let plane = index / columnTiles
            let column = index % columnTiles * Tile.columns
            sgemm(
                m: tiles, n: min(Tile.columns, columns - column), k: inputs,
                a: transformed + plane * tiles * inputs, lda: inputs,
                b: filters + (plane * columns + column) * inputs, ldb: inputs, transposeB: true,
                c: products + plane * tiles * columns + column, ldc: columns)
        }
    }

    private func forEachTileBlock(
        of tiles: Int, operations: Int, _ body: (Range<Int>) -> Void
    ) {
        let block = 8
        forEachTile((tiles + block - 1) / block, operations: operations) { index, _ in
            body(index * block..<min(tiles, (index + 1) * block))
        }
    }
}
