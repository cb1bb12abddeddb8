import Diffusion

/// Noise given in advance, one tensor per draw; drawing more than there is traps.
struct ReplayedNoise: NoiseSource {
    private var draws: ArraySlice<[Float]>

    init(_ draws: [[Float]]) {
        self.draws = draws[...]
    }

    mutating func fill(_ values: inout [Float]) {
        values = draws.removeFirst()
    }
}
