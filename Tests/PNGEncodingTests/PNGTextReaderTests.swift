import Generation
import PNGEncoding
import Testing

struct PNGTextReaderTests {
    static let png: [UInt8] = {
        let image = PNGEncoderTests.image(width: 9, height: 5)
        let texts = [
            PNGText(keyword: "other", text: "refinery"), PNGText(keyword: "refinery", text: "né"),
        ]
        do {
            return try PNGEncoder().encode(image, texts: texts)
        } catch {
            Issue.record(error)
            return []
        }
    }()

    @Test func `a text is found by its keyword`() throws {
        #expect(try PNGTextReader.text("refinery", in: Self.png) == Array("né".utf8))
        #expect(try PNGTextReader.text("other", in: Self.png) == Array("refinery".utf8))
        #expect(try PNGTextReader.text("refiner", in: Self.png) == nil)
    }

    @Test func `a file cut anywhere is an error or lacks what was cut`() {
        for count in 0..<Self.png.count {
            let text = try? PNGTextReader.text("nothing", in: Array(Self.png.prefix(count)))
            #expect(text == .some(nil) || text == nil)
        }
        #expect(throws: PNGTextReader.Failure.notPNG) {
            try PNGTextReader.text("refinery", in: Array(Self.png.prefix(7)))
        }
        #expect(throws: PNGTextReader.Failure.truncated) {
            try PNGTextReader.text("refinery", in: Array(Self.png.prefix(40)))
        }
    }

    @Test func `a length beyond the file is an error`() {
        var png = Self.png
        png.replaceSubrange(8..<12, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: PNGTextReader.Failure.truncated) {
            try PNGTextReader.text("refinery", in: png)
        }
    }
}
