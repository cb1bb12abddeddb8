/// A small PNG file and the pixels it stands for, put together by hand: an encoder apart from libpng.
struct PNGSample: Sendable, CustomStringConvertible {
    let description: String
    let width: Int
    let height: Int
    let chunks: [PNGChunk]
    /// [height, width, 3]
    let rgb: [UInt8]

    var file: [UInt8] { Self.file(of: chunks) }

    /// With more chunks right behind the header.
    func file(inserting extra: [PNGChunk]) -> [UInt8] {
        Self.file(of: [chunks[0]] + extra + chunks.dropFirst())
    }

    static let all = [
        rgb, interlaced, rgb16, gray1, gray2, gray8, gray16, palette, transparentPalette, rgba,
        rgba16, grayAlpha, transparentColour, transparentGray,
    ]

    static let rgb = PNGSample(
        "RGB", depth: 8, type: 2, rows: [[1, 2, 3, 4, 5, 6], [7, 8, 9, 250, 251, 252]], width: 2,
        rgb: [1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252])

    /// Adam7: passes 1 (one pixel), 6 (one) and 7 (one row) of 2 x 2.
    static let interlaced = PNGSample(
        "interlaced", depth: 8, type: 2, interlaced: true,
        rows: [[1, 2, 3], [4, 5, 6], [7, 8, 9, 10, 11, 12]], width: 2, height: 2,
        rgb: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])

    static let rgb16 = PNGSample(
        "16-bit RGB", depth: 16, type: 2,
        rows: [[0x00, 0x00, 0x80, 0x80, 0xFF, 0xFF], [0x12, 0x12, 0x12, 0xFF, 0x01, 0x01]],
        width: 1,
        // 0x12FF is 4863, of 65535 the 18.92th of 255.
        rgb: [0x00, 0x80, 0xFF, 0x12, 0x13, 0x01])

    static let gray1 = PNGSample(
        "1-bit gray", depth: 1, type: 0, rows: [[0b1010_0000]], width: 3,
        rgb: [255, 255, 255, 0, 0, 0, 255, 255, 255])

    static let gray2 = PNGSample(
        "2-bit gray", depth: 2, type: 0, rows: [[0b0001_1011]], width: 4,
        rgb: [0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255])

    static let gray8 = PNGSample(
        "gray", depth: 8, type: 0, rows: [[0, 100], [200, 255]], width: 2,
        rgb: [0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255])

    static let gray16 = PNGSample(
        "16-bit gray", depth: 16, type: 0, rows: [[0x40, 0x40, 0xFE, 0xFE]], width: 2,
        rgb: [0x40, 0x40, 0x40, 0xFE, 0xFE, 0xFE])

    private static let colours = PNGChunk(type: "PLTE", data: [10, 20, 30, 40, 50, 60, 70, 80, 90])

    static let palette = PNGSample(
        "palette", depth: 2, type: 3, extra: [colours], rows: [[0b0001_1000]], width: 3,
        rgb: [10, 20, 30, 40, 50, 60, 70, 80, 90])

    /// The first colour gone, the second half there, the third whole.
    static let transparentPalette = PNGSample(
        "palette with transparency", depth: 8, type: 3,
        extra: [colours, PNGChunk(type: "tRNS", data: [0, 128])], rows: [[0, 1, 2]], width: 3,
        rgb: [255, 255, 255] + [over(40, 128), over(50, 128), over(60, 128)] + [70, 80, 90])

    static let rgba = PNGSample(
        "RGB with alpha", depth: 8, type: 6,
        rows: [[10, 20, 30, 255, 40, 50, 60, 0, 0, 100, 200, 64]], width: 3,
        rgb: [10, 20, 30, 255, 255, 255, over(0, 64), over(100, 64), over(200, 64)])

    static let rgba16 = PNGSample(
        "16-bit RGB with alpha", depth: 16, type: 6,
        rows: [[10, 10, 20, 20, 30, 30, 255, 255, 40, 40, 50, 50, 60, 60, 0, 0]], width: 2,
        rgb: [10, 20, 30, 255, 255, 255])

    static let grayAlpha = PNGSample(
        "gray with alpha", depth: 8, type: 4, rows: [[7, 255, 7, 0]], width: 2,
        rgb: [7, 7, 7, 255, 255, 255])

    static let transparentColour = PNGSample(
        "RGB with a transparent colour", depth: 8, type: 2,
        extra: [PNGChunk(type: "tRNS", data: [0, 1, 0, 2, 0, 3])], rows: [[1, 2, 3, 1, 2, 4]],
        width: 2, rgb: [255, 255, 255, 1, 2, 4])

    static let transparentGray = PNGSample(
        "2-bit gray with a transparent level", depth: 2, type: 0,
        extra: [PNGChunk(type: "tRNS", data: [0, 1])], rows: [[0b0001_1011]], width: 4,
        rgb: [0, 0, 0, 255, 255, 255, 170, 170, 170, 255, 255, 255])

    /// A value over white, rounded.
    private static func over(_ value: Int, _ alpha: Int) -> UInt8 {
        UInt8((Double(value * alpha + 255 * (255 - alpha)) / 255).rounded())
    }

    private init(
        _ description: String, depth: UInt8, type: UInt8, interlaced: Bool = false,
        extra: [PNGChunk] = [], rows: [[UInt8]], width: Int, height: Int? = nil, rgb: [UInt8]
    ) {
        self.description = description
        self.width = width
        self.height = height ?? rows.count
        self.rgb = rgb
        let header = PNGChunk(
            type: "IHDR",
            data: Self.bytes(width) + Self.bytes(self.height)
                + [depth, type, 0, 0, interlaced ? 1 : 0])
        let pixels = PNGChunk(type: "IDAT", data: Self.stored(rows.flatMap { [0] + $0 }))
        chunks = [header] + extra + [pixels, PNGChunk(type: "IEND", data: [])]
    }

    /// A signature and a header chunk.
    static func header(width: Int, height: Int) -> [UInt8] {
        file(of: [PNGChunk(type: "IHDR", data: bytes(width) + bytes(height) + [8, 2, 0, 0, 0])])
    }

    static func file(of chunks: [PNGChunk]) -> [UInt8] {
        chunks.reduce([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { $0 + $1.encoded }
    }

    /// As one stored block of a zlib stream (RFC 1950 and 1951).
    private static func stored(_ data: [UInt8]) -> [UInt8] {
        let count = UInt16(data.count)
        var (a, b) = (1, 0)
        for byte in data {
            a = (a + Int(byte)) % 65521
            b = (b + a) % 65521
        }
        return [0x78, 0x01, 1, UInt8(count & 0xFF), UInt8(count >> 8)]
            + [UInt8(~count & 0xFF), UInt8(~count >> 8)] + data + bytes(b << 16 | a)
    }

    static func bytes(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}

extension PNGChunk {
    var encoded: [UInt8] {
        let typeAndData = Array(type.utf8) + data
        return PNGSample.bytes(data.count) + typeAndData
            + PNGSample.bytes(Int(Self.crc32(typeAndData[...])))
    }
}
