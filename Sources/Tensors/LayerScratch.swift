extension Compute {
    /// The most numbers that a convolution or product works in beside its input and result, for a bound on
    /// memory: Winograd's transformed tiles and filters, or a panel of widened weights and gathered rows.
    ///
    /// - Parameter inputs: the most channels that a convolution takes.
    public static func scratchFloatCount(inputs: Int, threads: Int) -> Int {
        let tiles = Winograd.planes * Winograd.blockTiles * inputs
        let worker = Winograd.planes * (Winograd.depth + Winograd.blockTiles) * Tile.panel
        return tiles + threads * (worker + Tile.rows * inputs) + Tile.panelFloats
    }
}
