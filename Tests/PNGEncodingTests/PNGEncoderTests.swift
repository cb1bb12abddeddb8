import Generation
import PNGEncoding
import TestSupport
import Testing

@Suite struct PNGEncoderTests {
    /// Smooth in some places and noisy in others, the same each time.
    static func image(width: Int, height: Int) -> DecodedImage {
        var state: UInt32 = 1
        let pixels = (0..<width * height * 3).map { index in
            state = state &* 1_664_525 &+ 1_013_904_223
            return index % 7 < 3 ? UInt8(state >> 24) : UInt8(truncatingIfNeeded: index / 3)
        }
        return DecodedImage(
            imageIndex: 0, size: ImageSize(height: height, width: width), seed: 1, pixels: pixels)
    }

    @Test(arguments: [
        (1, 1), (2, 1), (1, 2), (3, 3), (5, 7), (8, 8), (31, 17), (257, 3), (3, 257), (1000, 1),
        (512, 200),
    ])
    func `libpng reads back the same pixels`(width: Int, height: Int) throws {
        let image = Self.image(width: width, height: height)
        let decoded = try PNGPixels(PNGEncoder().encode(image))
        #expect(decoded.width == width)
        #expect(decoded.height == height)
        #expect(decoded.values == image.pixels)
    }

    @Test func `a file has a header, texts, pixels and an end, and no time`() throws {
        let texts = [
            PNGText(keyword: "parameters", text: "a cat\nSteps: 20"),
            PNGText(keyword: "Größe", text: ""),
        ]
        let png = try PNGEncoder().encode(Self.image(width: 300, height: 300), texts: texts)
        let chunks = try PNGChunk.all(in: png)
        let types = chunks.map(\.type)
        #expect(types.prefix(4) == ["IHDR", "iTXt", "iTXt", "IDAT"])
        #expect(types.last == "IEND")
        #expect(types.dropFirst(3).dropLast().allSatisfy { $0 == "IDAT" })
        // 300 x 300, 8 bits, RGB, not interlaced.
        #expect(chunks[0].data == [0, 0, 1, 44, 0, 0, 1, 44, 8, 2, 0, 0, 0])
    }

    @Test(arguments: [
        "", "a cat", "line\nline", "naïve café", "日本語の猫", "😀 family 👩‍👩‍👧", "e\u{301}",
        String(repeating: "prompt ", count: 50),
    ])
    func `a text is kept as UTF-8, uncompressed`(text: String) throws {
        let texts = [PNGText(keyword: "parameters", text: text)]
        let png = try PNGEncoder().encode(Self.image(width: 4, height: 4), texts: texts)
        let chunk = try #require(PNGChunk.all(in: png).first { $0.type == "iTXt" })
        // Keyword, NUL, not compressed, method 0, no language, no translated keyword, the text.
        #expect(chunk.data == Array("parameters".utf8) + [0, 0, 0, 0, 0] + Array(text.utf8))
    }

    @Test func `a keyword is written in Latin-1`() throws {
        let texts = [PNGText(keyword: "Größe", text: "x")]
        let png = try PNGEncoder().encode(Self.image(width: 4, height: 4), texts: texts)
        let chunk = try #require(PNGChunk.all(in: png).first { $0.type == "iTXt" })
        #expect(chunk.data.starts(with: [0x47, 0x72, 0xF6, 0xDF, 0x65, 0]))
    }

    @Test func `the same picture gives the same bytes`() throws {
        let image = Self.image(width: 257, height: 129)
        let texts = [PNGText(keyword: "parameters", text: "a cat")]
        let first = try PNGEncoder().encode(image, texts: texts)
        #expect(try PNGEncoder().encode(image, texts: texts) == first)
    }

    @Test(arguments: [
        (0, 1), (1, 0), (-1, 1), (1, -1), (1_000_001, 1), (1, 1_000_001), (Int.max, Int.max),
        (Int.min, 4),
    ])
    func `a size that no PNG can have is refused`(width: Int, height: Int) {
        let size = ImageSize(height: height, width: width)
        let image = DecodedImage(imageIndex: 0, size: size, seed: 1, pixels: [0, 0, 0])
        #expect(throws: PNGEncodingError.sizeOutOfRange(size)) { try PNGEncoder().encode(image) }
    }

    @Test(arguments: [0, 1, 11, 13, 24])
    func `pixels that do not fill the size are refused`(count: Int) {
        let image = DecodedImage(
            imageIndex: 0, size: ImageSize(height: 2, width: 2), seed: 1,
            pixels: [UInt8](repeating: 0, count: count))
        #expect(throws: PNGEncodingError.pixelsMissing(expected: 12, found: count)) {
            try PNGEncoder().encode(image)
        }
    }

    @Test(arguments: [
        "", String(repeating: "k", count: 80), "日本", "new\nline", "nul\0", "\u{A0}", "\u{7F}",
        " space", "space ", "two  spaces", "e\u{301}",
    ])
    func `a keyword that PNG forbids is refused`(keyword: String) throws {
        let error = try #require(throws: PNGEncodingError.self) {
            try PNGEncoder().encode(
                Self.image(width: 1, height: 1), texts: [PNGText(keyword: keyword, text: "x")])
        }
        guard case .badKeyword(keyword, _) = error else {
            Issue.record("\(error) does not name the keyword")
            return
        }
    }

    @Test(arguments: ["k", "two words", String(repeating: "k", count: 79)])
    func `a keyword at the limits is taken`(keyword: String) throws {
        let texts = [PNGText(keyword: keyword, text: "x")]
        let png = try PNGEncoder().encode(Self.image(width: 1, height: 1), texts: texts)
        #expect(try PNGChunk.all(in: png).contains { $0.type == "iTXt" })
    }

    @Test func `a text with NUL is refused`() {
        let texts = [PNGText(keyword: "parameters", text: "a\0b")]
        #expect(throws: PNGEncodingError.textHoldsNUL(keyword: "parameters")) {
            try PNGEncoder().encode(Self.image(width: 1, height: 1), texts: texts)
        }
    }
}
