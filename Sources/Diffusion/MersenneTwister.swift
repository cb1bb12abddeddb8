/// The standard 32-bit Mersenne Twister, MT19937 (Matsumoto and Nishimura 1998), seeded by its
/// init_genrand.
struct MersenneTwister: Equatable, Sendable {
    private static let size = 624
    private static let shift = 397

    private var state: [UInt32]
    private var position = size

    init(seed: UInt32) {
        state = [seed]
        state.reserveCapacity(Self.size)
        for i in 1..<UInt32(Self.size) {
            let last = state[Int(i) - 1]
            state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ i)
        }
    }

    mutating func next() -> UInt32 {
        if position == Self.size { twist() }
        var bits = state[position]
        position += 1
        bits ^= bits >> 11
        bits ^= (bits << 7) & 0x9D2C_5680
        bits ^= (bits << 15) & 0xEFC6_0000
        return bits ^ (bits >> 18)
    }

    func write(to writer: inout StateWriter) {
        for word in state { writer.write(word) }
        writer.write(Int64(position))
    }

    mutating func read(from reader: inout StateReader) throws(DamagedState) {
        for index in state.indices { state[index] = try reader.read(UInt32.self) }
        position = try reader.readIndex(in: 0...Self.size)
    }

    private mutating func twist() {
        for i in 0..<Self.size {
            let joined =
                (state[i] & 0x8000_0000) | (state[(i + 1) % Self.size] & 0x7FFF_FFFF)
            state[i] =
                state[(i + Self.shift) % Self.size] ^ (joined >> 1)
                ^ (joined & 1 == 0 ? 0 : 0x9908_B0DF)
        }
        position = 0
    }
}
