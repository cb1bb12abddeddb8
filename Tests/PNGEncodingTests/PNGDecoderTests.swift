import Generation
import PNGEncoding
import TestSupport
import Testing

@Suite struct PNGDecoderTests {
    let decoder = PNGDecoder(sideMaximum: 2048, pixelMaximum: 1 << 20)

    // MARK: Every kind of picture

    /// Written without compression by ``PNGSample``, which knows no libpng.
    @Test(arguments: PNGSample.all) func `every kind becomes 8-bit RGB`(sample: PNGSample) throws {
        let picture = try decoder.decode(sample.file)
        #expect(picture.size == ImageSize(height: sample.height, width: sample.width))
        #expect(picture.pixels == sample.rgb)
    }

    @Test(arguments: [(1, 1), (5, 7), (31, 17), (257, 3), (512, 200)])
    func `what the encoder wrote comes back`(width: Int, height: Int) throws {
        let image = PNGEncoderTests.image(width: width, height: height)
        let text = PNGText(keyword: "parameters", text: "a cat")
        let picture = try decoder.decode(PNGEncoder().encode(image, texts: [text]))
        #expect(picture == Picture(size: image.size, pixels: image.pixels))
    }

    @Test func `texts and profiles are passed over unread`() throws {
        let sample = PNGSample.rgb
        // A text that would inflate to a gibibyte, and a profile that is none.
        let file = sample.file(
            inserting: [
                PNGChunk(type: "zTXt", data: Array("k\0\0".utf8) + [0x78, 0x9C, 0xFF, 0xFF]),
                PNGChunk(type: "iCCP", data: Array("p\0\0nonsense".utf8)),
                PNGChunk(type: "gAMA", data: [0, 0, 0, 1]),
                PNGChunk(type: "tIME", data: [1]),
                PNGChunk(type: "teSt", data: [UInt8](repeating: 7, count: 1000)),
                PNGChunk(type: "tEXt", data: [UInt8](repeating: 7, count: 9 << 20)),
            ] + (0..<2000).map { _ in PNGChunk(type: "tEXt", data: Array("k\0v".utf8)) })
        #expect(try decoder.decode(file).pixels == sample.rgb)
    }

    // MARK: Hostile files

    @Test func `a file cut off anywhere is told so`() throws {
        let file = try PNGEncoder().encode(PNGEncoderTests.image(width: 9, height: 5))
        for count in 0..<file.count {
            #expect(throws: PNGDecodingError.truncated, "\(count) of \(file.count) bytes") {
                try decoder.decode(Array(file.prefix(count)))
            }
        }
    }

    @Test func `a changed byte anywhere is an error or changes nothing`() throws {
        let sample = PNGSample.interlaced
        for index in sample.file.indices {
            for flip in [UInt8(0x01), 0x80, 0xFF] {
                var file = sample.file
                file[index] ^= flip
                #expect(throws: PNGDecodingError.self, "byte \(index) with \(flip) flipped") {
                    try decoder.decode(file)
                }
            }
        }
    }

    @Test(arguments: [
        (2049, 1), (1, 2049), (2048, 513), (0x7FFF_FFFF, 0x7FFF_FFFF), (0xFFFF_FFFF, 0xFFFF_FFFF),
        (0xFFFF_FFFF, 1),
    ])
    func `a picture over the limits is refused by its header alone`(
        width: Int, height: Int
    ) throws {
        let header = PNGSample.header(width: width, height: height)
        let error = PNGDecodingError.tooLarge(
            ImageSize(height: height, width: width), sideMaximum: 2048, pixelMaximum: 1 << 20)
        #expect(throws: error) { try decoder.size(ofFileBeginning: header) }
        #expect(throws: error) { try decoder.decode(header) }
    }

    @Test func `a picture at the limits is taken`() throws {
        for (width, height) in [(2048, 512), (512, 2048), (1024, 1024)] {
            let size = ImageSize(height: height, width: width)
            #expect(
                try decoder.size(ofFileBeginning: PNGSample.header(width: width, height: height))
                    == size)
            #expect(throws: PNGDecodingError.truncated) {
                try decoder.decode(PNGSample.header(width: width, height: height))
            }
        }
    }

    @Test(arguments: [(0, 1), (1, 0), (0, 0)])
    func `a picture without pixels is damaged`(width: Int, height: Int) throws {
        let error = try #require(throws: PNGDecodingError.self) {
            try decoder.decode(PNGSample.header(width: width, height: height))
        }
        guard case .damaged = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test(arguments: [
        Array("GIF89a and more of it behind".utf8), Array("\u{89}PNG".utf8),
        [0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 74, 70, 73, 70], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0D],
        [UInt8](repeating: 0, count: 100),
    ])
    func `another kind of file is no PNG`(file: [UInt8]) {
        #expect(throws: PNGDecodingError.notPNG) { try decoder.decode(file) }
    }

    @Test(arguments: Damage.all) func `a damaged file is refused`(damage: Damage) throws {
        let error = try #require(throws: PNGDecodingError.self) { try decoder.decode(damage.file) }
        guard case .damaged(let message) = error else {
            Issue.record("\(damage) is told as \(error)")
            return
        }
        #expect(!message.isEmpty)
    }

    /// Files that are whole, with good checksums unless that is the point.
    struct Damage: Sendable, CustomStringConvertible {
        let description: String
        let file: [UInt8]

        static let all = [
            Damage("no pixels", chunks(without: "IDAT")),
            Damage("no header of this kind", chunks { $0[0].data[9] = 5 }),
            Damage("three bits a sample", chunks { $0[0].data[8] = 3 }),
            Damage("an interlace method there is not", chunks { $0[0].data[12] = 2 }),
            Damage("too few pixels", chunks { $0[0].data[7] += 1 }),
            Damage("pixels that are not deflated", chunks { $0[1].data = [1, 2, 3, 4] }),
            Damage("a palette that is missing", chunks { $0[0].data[9] = 3 }),
            Damage("two headers", chunks { $0.insert($0[0], at: 1) }),
            Damage(
                "a critical chunk nobody knows",
                chunks { $0.insert(PNGChunk(type: "ABCD", data: [1]), at: 1) }),
            Damage(
                "a length beyond the format",
                {
                    var file = PNGSample.rgb.file
                    file[33] = 0xFF
                    return file
                }()),
            Damage("a bad checksum of the header", badChecksum(of: 0)),
            Damage("a bad checksum of the pixels", badChecksum(of: 1)),
            Damage("a bad checksum of the end", badChecksum(of: 2)),
            Damage(
                "a bad checksum of a text",
                {
                    var file = PNGSample.rgb.file(
                        inserting: [PNGChunk(type: "tEXt", data: Array("k\0v".utf8))])
                    file[33 + 8] ^= 1
                    return file
                }()),
        ]

        private init(_ description: String, _ file: [UInt8]) {
            self.description = description
            self.file = file
        }

        private static func chunks(_ change: (inout [PNGChunk]) -> Void) -> [UInt8] {
            var chunks = PNGSample.rgb.chunks
            change(&chunks)
            return PNGSample.file(of: chunks)
        }

        private static func chunks(without type: String) -> [UInt8] {
            chunks { $0.removeAll { $0.type == type } }
        }

        private static func badChecksum(of index: Int) -> [UInt8] {
            let chunks = PNGSample.rgb.chunks
            var file = PNGSample.file(of: chunks)
            let end = PNGSample.file(of: Array(chunks.prefix(index + 1))).count
            file[end - 1] ^= 1
            return file
        }
    }
}
