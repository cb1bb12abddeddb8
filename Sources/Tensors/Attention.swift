internal import CKernels

extension Compute {
    /// A new activation: multi-head attention of `queries` ([images, tokens, heads * d]) over `keys`
    /// and `values` ([images, other tokens, heads * d]), softmax(q kᵀ / sqrt(d)) v for each head.
    ///
    /// Queries are taken in tiles, so no more than about `scoreFloats` scores exist at once for each
    /// thread. With `causal`, a token sees itself and those before it.
    public func attention(
        queries: Activation, keys: Activation, values: Activation, headDimension: Int,
        causal: Bool = false
    ) -> Activation {
        precondition(keys.rows == values.rows && keys.images == queries.images)
        profile?.begin(.attention(queries, keys, head: headDimension))
        defer { profile?.end() }
        let channels = queries.channels
        let heads = channels / headDimension
        let scale = 1 / Float(headDimension).squareRoot()
        let scoreFloats = 1 << 19
        let tileRows = max(1, min(queries.tokens, Tile.rows, scoreFloats / keys.tokens))
        let tiles = (queries.tokens + tileRows - 1) / tileRows
        let out = activation(like: queries)
        withWorkerScratch(tileRows * keys.tokens) { scratch in
            forEachTile(
                queries.images * heads * tiles,
                operations: 4 * queries.count * keys.tokens
            ) { index, worker in
                let image = index / (heads * tiles)
                let head = index / tiles % heads * headDimension
                let row = index % tiles * tileRows
                let m = min(tileRows, queries.tokens - row)
                let scores = scratch(worker)
                sgemm(
                    m: m, n: keys.tokens, k: headDimension,
                    a: queries.image(image) + row * channels + head, lda: channels,
                    b: keys.image(image) + head, ldb: keys.channels, transposeB: true,
                    c: scores, ldc: keys.tokens)
                refinery_softmax(scores, m, keys.tokens, scale, causal ? row : -1)
                sgemm(
                    m: m, n: headDimension, k: keys.tokens, a: scores, lda: keys.tokens,
                    b: values.image(image) + head, ldb: values.channels, transposeB: false,
                    c: out.image(image) + row * channels + head, ldc: channels)
            }
        }
        return out
    }
}
