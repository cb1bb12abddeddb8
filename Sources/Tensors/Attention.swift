internal import CKernels

extension Compute {
    /// A new activation: multi-head attention of `queries` ([images, tokens, heads * d]) over `keys`
    /// and `values` ([images, other tokens, heads * d]), softmax(q kᵀ / sqrt(d)) v for each head.
    ///
    /// Keys and values are packed once for all queries; then a few queries at a time meet a few keys,
    /// with a running softmax.
    public func attention(
        queries: Activation, keys: Activation, values: Activation, headDimension: Int
    ) -> Activation {
        precondition(keys.rows == values.rows && keys.images == queries.images)
        let out = activation(like: queries)
        profile?.begin(.attention(queries, keys, head: headDimension))
        defer { profile?.end() }
        let heads = queries.channels / headDimension
        scoped {
            let packed = pack(keys, values, headDimension: headDimension)
            let tileRows = Int(refinery_attention_rows)
            let tiles = (queries.tokens + tileRows - 1) / tileRows
            withWorkerScratch(refinery_attention_scratch(headDimension)) { scratch in
                forEachTile(
                    queries.images * heads * tiles,
                    operations: 4 * queries.count * keys.tokens
                ) { index, worker in
                    let head = index / tiles
                    let row = index % tiles * tileRows
                    let start =
                        head / heads * queries.tokens * queries.channels
                        + row * queries.channels + head % heads * headDimension
                    refinery_attend(
                        out.data + start, out.channels, queries.data + start, queries.channels,
                        min(tileRows, queries.tokens - row), packed.keys + head * packed.keysSize,
                        packed.values + head * packed.valuesSize, packed.valuePanel,
                        keys.tokens, headDimension, scratch(worker))
                }
            }
        }
        return out
    }

    /// Keys and values of every head of every image, as the kernel takes them.
    private struct PackedKeysAndValues {
        let keys: UnsafeMutablePointer<Float>
        let values: UnsafeMutablePointer<Float>
        /// Floats of one head.
        let keysSize: Int
        let valuesSize: Int
        /// Floats of one panel of a head's values.
        let valuePanel: Int
    }

    /// In arena memory.
    private func pack(
        _ keys: Activation, _ values: Activation, headDimension: Int
    ) -> PackedKeysAndValues {
        let panel = Tile.panel
        let heads = keys.channels / headDimension
        let keyPanels = (keys.tokens + panel - 1) / panel
        let rows = keyPanels * panel
        let valuePanels = (headDimension + panel - 1) / panel
        let keysSize = rows * headDimension
        let valuePanel = rows * panel
        let packed = PackedKeysAndValues(
            keys: arena.floats(keys.images * heads * keysSize),
            values: arena.floats(keys.images * heads * valuePanels * valuePanel),
            keysSize: keysSize, valuesSize: valuePanels * valuePanel, valuePanel: valuePanel)
        let together = 8 * panel
        let groups = (rows + together - 1) / together
        forEachTile(keys.images * heads * groups, operations: 16 * keys.count) { index, _ in
            let head = index / groups
            let first = index % groups * together
            let start =
                head / heads * keys.tokens * keys.channels + head % heads * headDimension
                + first * keys.channels
            let count = min(together, keys.tokens - first)
            for row in stride(from: 0, to: count, by: panel) {
                refinery_pack_weights(
                    packed.keys + head * keysSize + (first + row) * headDimension,
                    keys.data + start + row * keys.channels, refinery_dtype_float32,
                    min(panel, count - row), keys.channels, 0, headDimension)
            }
            refinery_pack_values(
                packed.values + head * packed.valuesSize + first * panel, valuePanel,
                values.data + start, count, min(together, rows - first), values.channels,
                headDimension)
        }
        return packed
    }

    /// A new activation: the same, but a token sees itself and those before it. For texts: all scores of
    /// a head at once.
    public func causalAttention(
        queries: Activation, keys: Activation, values: Activation, headDimension: Int
    ) -> Activation {
        precondition(keys.rows == values.rows && keys.rows == queries.rows)
        let out = activation(like: queries)
        profile?.begin(.attention(queries, keys, head: headDimension))
        defer { profile?.end() }
        let tokens = queries.tokens
        let channels = queries.channels
        let heads = channels / headDimension
        withWorkerScratch(tokens * tokens) { scratch in
            forEachTile(queries.images * heads, operations: 4 * queries.count * tokens) {
                index, worker in
                let start =
                    index / heads * tokens * channels + index % heads * headDimension
                let scores = scratch(worker)
                sgemm(
                    m: tokens, n: tokens, k: headDimension, a: queries.data + start,
                    lda: channels, b: keys.data + start, ldb: channels, transposeB: true,
                    c: scores, ldc: tokens)
                refinery_softmax(scores, tokens, tokens, 1 / Float(headDimension).squareRoot(), 0)
                sgemm(
                    m: tokens, n: headDimension, k: tokens, a: scores, lda: tokens,
                    b: values.data + start, ldb: channels, transposeB: false,
                    c: out.data + start, ldc: channels)
            }
        }
        return out
    }
}
