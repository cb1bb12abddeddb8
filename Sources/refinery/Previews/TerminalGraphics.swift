import FoundationEssentials
import Generation
import PNGEncoding
import Tensors

/// How a terminal is given a picture. Each is the escape sequences that draw it at the cursor, over a number
/// of columns and rows that are free; where the cursor is afterwards differs.
enum TerminalGraphics: String, CaseIterable {
    /// kitty, Ghostty, Konsole, WezTerm: sw.kovidgoyal.net/kitty/graphics-protocol.
    case kitty
    /// iTerm2, WezTerm, mintty: iterm2.com/documentation-images.html.
    case iterm
    /// xterm, foot, mlterm, Windows Terminal and many others: DEC's printers' language.
    case sixel

    /// A part of the screen, and its pixels as far as they are known.
    struct Area: Equatable {
        var columns: Int
        var rows: Int
        /// Of one character's cell.
        var cellWidth: Int
        var cellHeight: Int
    }

    /// - Parameters:
    ///   - png: of at most 4096 pixels a side.
    ///   - number: of the picture in the whole terminal: a new one takes the old one's place.
    /// - Throws: `PNGDecodingError`, only where the pixels themselves are wanted.
    func sequence(of png: [UInt8], in area: Area, number: UInt32) throws -> String {
        switch self {
        case .kitty: Self.kitty(png, area, number)
        case .iterm: Self.iterm(png, area)
        case .sixel: Sixel.sequence(of: try Self.picture(png, in: area))
        }
    }

    /// Removes what ``sequence(of:in:number:)`` has drawn; empty where erasing the characters' cells does.
    func removal(of number: UInt32) -> String {
        self == .kitty ? "\u{1B}_Ga=d,d=I,i=\(number),q=2\u{1B}\\" : ""
    }

    /// The protocol's own limit for one piece.
    private static let pieceByteCount = 4096

    private static func kitty(_ png: [UInt8], _ area: Area, _ number: UInt32) -> String {
        let data = Array(base64(png).utf8)
        var text = ""
        for start in stride(from: 0, to: max(data.count, 1), by: pieceByteCount) {
            let piece = data[start..<min(start + pieceByteCount, data.count)]
            let more = start + piece.count < data.count ? 1 : 0
            // A PNG, drawn at once, silently, the cursor left where it is.
            let first =
                "a=T,f=100,i=\(number),p=1,c=\(area.columns),r=\(area.rows),C=1,q=2,"
            text += "\u{1B}_G\(start == 0 ? first : "")m=\(more);"
            text += String(decoding: piece, as: UTF8.self) + "\u{1B}\\"
        }
        return text
    }

    private static func iterm(_ png: [UInt8], _ area: Area) -> String {
        "\u{1B}]1337;File=inline=1;size=\(png.count);width=\(area.columns);height=\(area.rows)"
            + ";preserveAspectRatio=0:\(base64(png))\u{07}"
    }

    /// As many pixels as the area has.
    private static func picture(_ png: [UInt8], in area: Area) throws -> Picture {
        let picture = try PNGDecoder(sideMaximum: 4096, pixelMaximum: 1 << 24).decode(png)
        let size = ImageSize(
            height: max(1, area.rows * area.cellHeight),
            width: max(1, area.columns * area.cellWidth))
        return Picture(
            size: size,
            pixels: Resampling.resampled(
                picture.pixels, (picture.size.height, picture.size.width),
                to: (size.height, size.width)))
    }

    static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}

extension TerminalGraphics.Area {
    /// The largest for a picture of that shape in a terminal.
    ///
    /// - Returns: nil where there is no room worth it.
    static func fitting(_ size: ImageSize, in screen: Terminal.Screen) -> Self? {
        // Half the screen is for text; more than this many rows is no preview.
        let rowMaximum = min(20, screen.rows / 2)
        guard rowMaximum >= 4, screen.columns >= 8, size.height > 0, size.width > 0 else {
            return nil
        }
        let (cellWidth, cellHeight) = (screen.cellWidth, screen.cellHeight)
        var rows = rowMaximum
        var columns = rows * cellHeight * size.width / (size.height * cellWidth)
        if columns > screen.columns - 1 {
            columns = screen.columns - 1
            rows = columns * cellWidth * size.height / (size.width * cellHeight)
        }
        return Self(
            columns: max(1, columns), rows: max(1, rows), cellWidth: cellWidth,
            cellHeight: cellHeight)
    }
}
