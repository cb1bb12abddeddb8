/// Where a sampler's random numbers come from: the initial latents first, then the step noise of
/// ancestral and SDE samplers, all from one stream that goes on through the handoff.
public protocol NoiseSource: Sendable {
    /// Fills `values` with the next standard normals of the stream, in order.
    mutating func fill(_ values: inout [Float])
}
