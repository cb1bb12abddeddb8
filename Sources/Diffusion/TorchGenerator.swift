import Glibc

/// torch's CPU generator: draws what torch.randn draws on a CPU with AVX2, bit for bit, so that a
/// seed gives the picture that it gives in diffusers. A value; a copy draws the same numbers again.
///
/// Sixteen values or more ("block path", at::native normal_fill): a uniform per value, then Box-Muller
/// on blocks of 16 in float32, with Cephes polynomials for log, sin and cos; a count that is not a
/// multiple of 16 draws its last 16 anew. Fewer than 16 ("scalar path"): Box-Muller in float64, whose
/// second number the generator keeps for the scalar path's next call.
public struct TorchGenerator: NoiseSource, Equatable {
    private static let blockCount = 16

    private var twister: MersenneTwister
    private var kept: Double?

    /// - Parameter seed: only its low 32 bits count, as in torch.
    public init(seed: Int64) {
        twister = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    }

    public mutating func fill(_ values: inout [Float]) {
        guard values.count >= Self.blockCount else {
            for i in values.indices { values[i] = Float(nextScalar()) }
            return
        }
        for i in values.indices { values[i] = nextUniform() }
        for start in stride(from: 0, through: values.count - Self.blockCount, by: Self.blockCount) {
            Self.boxMuller(&values, at: start)
        }
        if values.count % Self.blockCount != 0 {
            let start = values.count - Self.blockCount
            for i in start..<values.count { values[i] = nextUniform() }
            Self.boxMuller(&values, at: start)
        }
    }

    /// The next `count` values, as torch.randn gives them for any shape of that many.
    public mutating func normals(_ count: Int) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        fill(&values)
        return values
    }

    public func write(to writer: inout StateWriter) {
        twister.write(to: &writer)
        writer.write(UInt8(kept == nil ? 0 : 1))
        writer.write((kept ?? 0).bitPattern)
    }

    public mutating func read(from reader: inout StateReader) throws(DamagedState) {
        try twister.read(from: &reader)
        let isKept = try reader.read(UInt8.self) != 0
        let value = Double(bitPattern: try reader.read(UInt64.self))
        kept = isKept ? value : nil
    }

    // MARK: Block path

    private mutating func nextUniform() -> Float {
        Float(twister.next() & 0xFF_FFFF) * 0x1p-24
    }

    /// Turns 16 uniforms into 16 normals: the first eight give the radii, the last eight the angles.
    private static func boxMuller(_ values: inout [Float], at start: Int) {
        let half = blockCount / 2
        for i in start..<start + half {
            let radius = (-2 * CephesMath.log(1 - values[i])).squareRoot()
            let (sine, cosine) = CephesMath.sineAndCosine(Float(2 * Double.pi) * values[i + half])
            values[i] = radius * cosine
            values[i + half] = radius * sine
        }
    }

    // MARK: Scalar path

    private mutating func nextScalar() -> Double {
        if let value = kept {
            kept = nil
            return value
        }
        let angle = 2 * Double.pi * nextDouble()
        let radius = (-2 * log1p(-nextDouble())).squareRoot()
        kept = radius * sin(angle)
        return radius * cos(angle)
    }

    private mutating func nextDouble() -> Double {
        let high = UInt64(twister.next())
        let low = UInt64(twister.next())
        return Double((high << 32 | low) & (1 << 53 - 1)) * 0x1p-53
    }
}
