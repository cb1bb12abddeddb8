/// Where a sampler's random numbers come from: the initial latents first, then the step noise of
/// ancestral and SDE samplers, all from one stream that goes on through the handoff.
public protocol NoiseSource: Sendable {
    /// Fills `values` with the next standard normals of the stream, in order.
    mutating func fill(_ values: inout [Float])

    /// Where in the stream it stands, to be stored.
    func write(to writer: inout StateWriter)

    /// Goes on from there; to be asked of a source made alike.
    mutating func read(from reader: inout StateReader) throws(DamagedState)
}
