import Glibc

/// Standard output and standard error, and what is at their other end.
enum Terminal {
    enum Stream: Int32 {
        case output = 1
        case error = 2
    }

    /// Writes all of it at once. A reader that has gone away is no error: there is nobody to tell.
    static func write(_ text: String, to stream: Stream) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.write(stream.rawValue, $0.baseAddress, $0.count)
            }
            if count < 0 && errno != EINTR { return }
            bytes = bytes.dropFirst(max(0, count))
        }
    }

    /// What fits on a terminal, in cells of characters and in pixels.
    struct Screen: Equatable {
        var columns: Int
        var rows: Int
        /// Of one cell.
        var cellWidth: Int
        var cellHeight: Int
    }

    /// Columns, if the stream is a terminal that can redraw a line.
    static func width(of stream: Stream) -> Int? { screen(of: stream)?.columns }

    /// Nil if the stream is no terminal that can redraw a line.
    static func screen(of stream: Stream) -> Screen? {
        guard isatty(stream.rawValue) == 1, environment("TERM") != "dumb" else { return nil }
        var size = winsize()
        guard ioctl(stream.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
        else { return Screen(columns: 80, rows: 24, cellWidth: 8, cellHeight: 16) }
        let (columns, rows) = (Int(size.ws_col), Int(size.ws_row))
        // Many tell no pixels: cells are then taken for small ones, so that no picture grows too large.
        return Screen(
            columns: columns, rows: rows,
            cellWidth: size.ws_xpixel > 0 ? max(1, Int(size.ws_xpixel) / columns) : 8,
            cellHeight: size.ws_ypixel > 0 ? max(1, Int(size.ws_ypixel) / rows) : 16)
    }

    /// Whether colours are wanted where there is a terminal: see no-color.org.
    static var wantsColours: Bool { environment("NO_COLOR") == nil }

    /// Nil when unset or empty.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
