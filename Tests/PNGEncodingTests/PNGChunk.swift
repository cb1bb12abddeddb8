import Testing

/// One chunk of a PNG file.
struct PNGChunk: Equatable {
    var type: String
    var data: [UInt8]

    /// All chunks of a file, after checking its signature, lengths and checksums.
    static func all(in png: [UInt8]) throws -> [PNGChunk] {
        try #require(png.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        var chunks: [PNGChunk] = []
        var rest = png[8...]
        while !rest.isEmpty {
            try #require(rest.count >= 12)
            let length = Int(bigEndian(rest.prefix(4)))
            try #require(rest.count >= 12 + length)
            let typeAndData = rest.dropFirst(4).prefix(4 + length)
            let type = String(decoding: typeAndData.prefix(4), as: UTF8.self)
            let checksum = bigEndian(rest.dropFirst(8 + length).prefix(4))
            #expect(checksum == crc32(typeAndData), "checksum of \(type)")
            chunks.append(PNGChunk(type: type, data: Array(typeAndData.dropFirst(4))))
            rest = rest.dropFirst(12 + length)
        }
        return chunks
    }

    private static func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The PNG specification's CRC, bit by bit.
    static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 0 ? 0 : 0xEDB8_8320) }
        }
        return ~crc
    }
}
