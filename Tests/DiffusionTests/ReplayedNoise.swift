import Diffusion

/// Noise given in advance, one tensor per draw.
struct ReplayedNoise: NoiseSource {
    var draws: ArraySlice<[Float]>

    /// - Parameter values: `draws` tensors of equal size, one after another.
    init(_ values: [Float], count: Int) {
        draws =
            stride(from: 0, to: values.count, by: count).map {
                Array(values[$0..<$0 + count])
            }[...]
    }

    mutating func fill(_ values: inout [Float]) {
        values = draws.removeFirst()
    }
}
