/// FIPS 180-4, for comparing large tensors with their recorded digests.
enum SHA256 {
    static func hexDigest(of message: [UInt8]) -> String {
        var hash = initial
        var padded = message + [0x80]
        padded += Array(repeating: 0, count: (120 - padded.count % 64) % 64)
        padded += withUnsafeBytes(of: UInt64(message.count * 8).bigEndian) { Array($0) }
        for start in stride(from: 0, to: padded.count, by: 64) {
            compress(padded[start..<start + 64], into: &hash)
        }
        return hash.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private static func compress(_ block: ArraySlice<UInt8>, into hash: inout [UInt32]) {
        var words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { i in
            block[i..<i + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        for i in 16..<64 {
            let (a, b) = (words[i - 15], words[i - 2])
            let low = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3
            let high = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10
            words.append(words[i - 16] &+ low &+ words[i - 7] &+ high)
        }
        var s = hash
        for i in 0..<64 {
            let choice = (s[4] & s[5]) ^ (~s[4] & s[6])
            let majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])
            let rounds = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)
            let first = s[7] &+ rounds &+ choice &+ constants[i] &+ words[i]
            let second = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) &+ majority
            s = [first &+ second, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
        }
        for i in hash.indices { hash[i] &+= s[i] }
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word >> count | word << (32 - count)
    }

    /// Fractional parts of the square roots of the first 8 primes, and of the cube roots of 64.
    private static let initial = primes.prefix(8).map { fraction(Float80($0).squareRoot()) }
    private static let constants = primes.map { fraction(cubeRoot(Float80($0))) }
    private static let primes = (2...311).filter { n in !(2..<n).contains { n % $0 == 0 } }

    private static func fraction(_ value: Float80) -> UInt32 {
        UInt32((value - value.rounded(.down)) * 0x1p32)
    }

    private static func cubeRoot(_ value: Float80) -> Float80 {
        var root = value
        for _ in 0..<100 { root -= (root * root * root - value) / (3 * root * root) }
        return root
    }
}
