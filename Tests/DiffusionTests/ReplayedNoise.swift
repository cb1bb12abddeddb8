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

    func write(to writer: inout StateWriter) {
        writer.write(Int64(draws.count))
    }

    mutating func read(from reader: inout StateReader) throws(DamagedState) {
        draws = draws.suffix(try reader.readIndex(in: 0...draws.count))
    }
}
