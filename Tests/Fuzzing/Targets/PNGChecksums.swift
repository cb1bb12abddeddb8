/// The checksums of a PNG file's chunks.
enum PNGChecksums {
    /// The file with each whole chunk's checksum as it must be.
    static func corrected(_ file: [UInt8]) -> [UInt8] {
        var file = file
        var start = 8
        while start + 12 <= file.count {
            let length = file[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = start + 8 + length
            guard end + 4 <= file.count else { break }
            let sum = crc32(file[start + 4..<end])
            for index in 0..<4 {
                file[end + index] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * index))
            }
            start = end + 4
        }
        return file
    }

    /// The PNG specification's CRC, a byte at a time.
    private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { crc, byte in
            crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xFF)]
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc >> 1 ^ (crc & 1 == 0 ? 0 : 0xEDB8_8320) }
    }
}
