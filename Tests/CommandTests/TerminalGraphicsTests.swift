import Foundation
import Generation
import PNGEncoding
import Testing

@testable import refinery

/// What is written to a terminal, read back as the terminal would.
@Suite struct TerminalGraphicsTests {
    static let area = TerminalGraphics.Area(columns: 12, rows: 5, cellWidth: 8, cellHeight: 16)

    static func png(height: Int, width: Int) throws -> [UInt8] {
        let pixels = (0..<height * width * 3).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 4) }
        return try PNGEncoder().encode(
            DecodedImage(
                imageIndex: 0, size: ImageSize(height: height, width: width), seed: 0,
                pixels: pixels))
    }

    @Test(arguments: [(1, 1), (16, 16), (64, 90)])
    func `kitty gets the file in pieces of at most 4096 bytes`(height: Int, width: Int) throws {
        let png = try Self.png(height: height, width: width)
        let text = try TerminalGraphics.kitty.sequence(of: png, in: Self.area, number: 9)
        let commands = text.components(separatedBy: "\u{1B}\\")
        #expect(commands.last == "")
        var data = ""
        for (index, command) in commands.dropLast().enumerated() {
            #expect(command.hasPrefix("\u{1B}_G"))
            let parts = command.dropFirst(3).split(separator: ";", maxSplits: 1)
            let keys = Set(parts[0].split(separator: ",").map(String.init))
            let isLast = index == commands.count - 2
            #expect(keys.contains(isLast ? "m=0" : "m=1"))
            #expect(
                keys.isSuperset(of: ["a=T", "f=100", "i=9", "c=12", "r=5", "C=1", "q=2"])
                    == (index == 0))
            #expect(parts[1].utf8.count <= 4096 && (isLast || parts[1].utf8.count % 4 == 0))
            data += parts[1]
        }
        #expect(Data(base64Encoded: data).map(Array.init) == png)
    }

    @Test func `iTerm2 gets the file with its size in cells`() throws {
        let png = try Self.png(height: 16, width: 24)
        let text = try TerminalGraphics.iterm.sequence(of: png, in: Self.area, number: 9)
        let parts = text.split(separator: ":", maxSplits: 1)
        #expect(
            parts[0]
                == "\u{1B}]1337;File=inline=1;size=\(png.count);width=12;height=5;preserveAspectRatio=0"
        )
        #expect(parts[1].last == "\u{07}")
        #expect(Data(base64Encoded: String(parts[1].dropLast())).map(Array.init) == png)
    }

    /// What a terminal makes of sixels; nil for a pixel that is not drawn.
    private struct Screen {
        var size: (height: Int, width: Int) = (0, 0)
        var pixels: [[Int]?] = []

        init(_ text: String) throws {
            let body = try #require(
                text.wholeMatch(of: #/\u{1B}P0;1q"1;1;(\d+);(\d+)([^\u{1B}]*)\u{1B}\\/#))
            size = (try #require(Int(body.2)), try #require(Int(body.1)))
            pixels = Array(repeating: nil, count: size.height * size.width)
            var colours: [Int: [Int]] = [:]
            var (colour, column, top) = (0, 0, 0)
            for token in body.3.matches(
                of: #/#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|([$-])|(.)/#)
            {
                if let number = token.1.flatMap({ Int($0) }) {
                    colour = number
                    if let red = token.2.flatMap({ Int($0) }),
                        let green = token.3.flatMap({ Int($0) }),
                        let blue = token.4.flatMap({ Int($0) })
                    {
                        colours[number] = [red, green, blue]
                    }
                } else if let control = token.7 {
                    column = 0
                    if control == "-" { top += 6 }
                } else {
                    let count = token.5.flatMap { Int($0) } ?? 1
                    let character = try #require((token.6 ?? token.8)?.unicodeScalars.first)
                    let bits = Int(character.value) - 63
                    #expect((0..<64).contains(bits))
                    for _ in 0..<count {
                        for row in 0..<6 where bits >> row & 1 == 1 {
                            let place = (top + row) * size.width + column
                            #expect(top + row < size.height && column < size.width)
                            #expect(pixels[place] == nil, "drawn twice")
                            pixels[place] = colours[colour]
                            #expect(pixels[place] != nil, "an undefined colour")
                        }
                        column += 1
                    }
                }
            }
        }
    }

    @Test(arguments: [(1, 1), (6, 5), (7, 9), (40, 33)])
    func `sixels draw every pixel once, in a colour next to its own`(
        height: Int, width: Int
    ) throws {
        let pixels = (0..<height * width * 3).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let picture = Picture(size: ImageSize(height: height, width: width), pixels: pixels)
        let screen = try Screen(Sixel.sequence(of: picture))
        #expect(screen.size == (height, width))
        for (index, colour) in screen.pixels.enumerated() {
            let colour = try #require(colour, "pixel \(index) is missing")
            for part in 0..<3 {
                let difference = Double(pixels[3 * index + part]) / 2.55 - Double(colour[part])
                #expect(abs(difference) < 20, "one shade is 20 %")
            }
        }
    }

    @Test(arguments: [0, 13, 51, 64, 100, 128, 200, 254, 255] as [UInt8])
    func `over 4 x 4 pixels sixels are as bright as the picture`(value: UInt8) throws {
        let picture = Picture(
            size: ImageSize(height: 16, width: 16), pixels: Array(repeating: value, count: 768))
        let screen = try Screen(Sixel.sequence(of: picture))
        let drawn = screen.pixels.compactMap { $0?[1] }
        let mean = Double(drawn.reduce(0, +)) / Double(drawn.count)
        #expect(abs(mean - Double(value) / 2.55) < 1)
        #expect(Set(drawn).count <= 2)
    }

    @Test func `sixels fill the area`() throws {
        let png = try Self.png(height: 9, width: 16)
        let text = try TerminalGraphics.sixel.sequence(of: png, in: Self.area, number: 9)
        #expect(try Screen(text).size == (80, 96))
        #expect(throws: PNGDecodingError.self) {
            try TerminalGraphics.sixel.sequence(of: [1, 2, 3], in: Self.area, number: 9)
        }
    }

    // MARK: Where it is drawn

    private static func screen(_ columns: Int, _ rows: Int) -> Terminal.Screen {
        Terminal.Screen(columns: columns, rows: rows, cellWidth: 8, cellHeight: 16)
    }

    @Test(arguments: [
        (64, 64, 80, 24, 24, 12), (64, 128, 80, 24, 48, 12), (64, 512, 80, 60, 79, 4),
        (512, 64, 80, 60, 5, 20), (1024, 1024, 200, 100, 40, 20),
    ])
    func `a picture keeps its shape, and leaves half the screen`(
        height: Int, width: Int, columns: Int, rows: Int, areaColumns: Int, areaRows: Int
    ) {
        let area = TerminalGraphics.Area.fitting(
            ImageSize(height: height, width: width), in: Self.screen(columns, rows))
        #expect(area?.columns == areaColumns && area?.rows == areaRows)
    }

    @Test(arguments: [(80, 7), (7, 24)]) func `a small terminal has no room`(
        columns: Int, rows: Int
    ) {
        let screen = Self.screen(columns, rows)
        #expect(TerminalGraphics.Area.fitting(ImageSize(height: 8, width: 8), in: screen) == nil)
    }

    static func previewed(_ png: [UInt8], step: Int) -> Report {
        var progress = Sample.progress(.base, step: step)
        progress.preview = .init(png: png, step: step)
        return .event(Sample.event(.progress(progress)))
    }

    /// Moves of the cursor between rows, and lines.
    private func rows(_ text: String) -> Int {
        text.matches(of: #/\u{1B}\[(\d+)([AB])|\n/#).reduce(0) { sum, match in
            guard let count = match.1.flatMap({ Int($0) }) else { return sum + 1 }
            return sum + (match.2 == "A" ? -count : count)
        }
    }

    @Test(arguments: TerminalGraphics.allCases)
    func `the picture stays above the bar, and lines that stay go above it`(
        graphics: TerminalGraphics
    ) throws {
        let png = try Self.png(height: 8, width: 16)
        var rendering = LiveRendering(
            width: 80, usesColours: false,
            pictures: PictureRegion(
                graphics: graphics, screen: Self.screen(80, 24), number: 7))
        _ = rendering.text(for: .event(Sample.event(.accepted(Sample.plan))))
        _ = rendering.text(for: .event(Sample.event(.progress(Sample.progress(.base, step: 1)))))
        let drawn = try graphics.sequence(
            of: png, in: .init(columns: 48, rows: 12, cellWidth: 8, cellHeight: 16), number: 7)

        let first = rendering.text(for: Self.previewed(png, step: 1))
        #expect(first.contains(drawn) && rows(first) == 12)
        // The bar alone is drawn anew where there is no new picture.
        let second = rendering.text(
            for: .event(Sample.event(.progress(Sample.progress(.base, step: 2)))))
        #expect(!second.contains(drawn) && rows(second) == 0)
        let third = rendering.text(for: Self.previewed(png, step: 2))
        #expect(third.contains(drawn) && rows(third) == 0)
        #expect(!third.contains("\u{1B}[J"))

        let line = rendering.text(for: .notice("a sentence"))
        #expect(rows(line) == 1)
        #expect(line.contains(graphics.removal(of: 7) + "\r\u{1B}[12A\u{1B}[Jnote: a sentence\n"))
        #expect(line.contains(drawn))

        // The image itself takes the preview's place, and stays.
        var image = Sample.image
        image.png = png
        let saved = rendering.text(
            for: .saved(Sample.event(.image(image)), image, path: "cat.png"))
        #expect(saved.contains(drawn) && rows(saved) == 2)
        let after = rendering.text(for: .notice("another"))
        #expect(after == "note: another\n")
    }

    @Test func `what is no picture is not drawn`() {
        var rendering = LiveRendering(
            width: 80, usesColours: false,
            pictures: PictureRegion(graphics: .sixel, screen: Self.screen(80, 24)))
        _ = rendering.text(for: .event(Sample.event(.accepted(Sample.plan))))
        let text = rendering.text(for: Self.previewed([1, 2, 3], step: 1))
        #expect(!text.contains("\u{1B}P") && text.hasPrefix("base "))
    }

    @Test func `a pipe gets nothing of previews, and JSON the files`() {
        var plain = PlainRendering()
        #expect(plain.text(for: Self.previewed([1, 2, 3], step: 2)) == "")
        let json = JSONRendering().text(for: Self.previewed([1, 2, 3], step: 2))
        #expect(json.contains(#""preview":{"step":2,"png":"AQID"}"#))
    }

    // MARK: Detection

    @Test(
        arguments: [
            (["TERM": "xterm-kitty"], .known(.kitty)), (["TERM": "xterm-ghostty"], .known(.kitty)),
            (["TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"], .known(.kitty)),
            (["TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"], .known(.iterm)),
            (
                ["TERM": "xterm-256color", "LC_TERMINAL": "iTerm2", "SSH_CONNECTION": "x"],
                .known(.iterm)
            ),
            (["TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"], .known(.kitty)),
            (["TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"], .none),
            (["TERM": "foot"], .known(.sixel)), (["TERM": "mlterm"], .known(.sixel)),
            (["TERM": "xterm-256color", "KONSOLE_VERSION": "230805"], .known(.kitty)),
            (["TERM": "xterm-256color", "KONSOLE_VERSION": "210805"], .none),
            (["TERM": "xterm-256color"], .ask),
            (["TERM": "xterm-256color", "SSH_CONNECTION": "x"], .none),
            (["TERM": "tmux-256color", "TMUX": "x", "KITTY_WINDOW_ID": "1"], .none),
            (["TERM": "screen.xterm-256color"], .none), (["TERM": "linux"], .none), ([:], .none),
        ] as [([String: String], TerminalGraphics.Guess)])
    func `the environment tells what there is`(
        environment: [String: String], guess: TerminalGraphics.Guess
    ) {
        #expect(TerminalGraphics.guess { environment[$0] } == guess)
    }

    @Test(
        arguments: [
            ("\u{1B}[?62;4;22c", true), ("\u{1B}[?4;6c", false), ("\u{1B}[?64;1;2;4c", true),
            ("\u{1B}[?1;2c", false), ("\u{1B}[?62;44c", false), ("\u{1B}[?62;4", nil), ("", nil),
            ("x\u{1B}[?62;4c", true), ("\u{1B}[A", nil),
        ] as [(String, Bool?)])
    func `a terminal's own answer tells of sixels`(answer: String, hasSixels: Bool?) {
        #expect(TerminalGraphics.hasSixels(answer: Array(answer.utf8)) == hasSixels)
    }
}
