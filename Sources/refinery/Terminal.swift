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

    /// Columns, if the stream is a terminal that can redraw a line.
    static func width(of stream: Stream) -> Int? {
        guard isatty(stream.rawValue) == 1, environment("TERM") != "dumb" else { return nil }
        var size = winsize()
        let known = ioctl(stream.rawValue, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return known ? Int(size.ws_col) : 80
    }

    /// Whether colours are wanted where there is a terminal: see no-color.org.
    static var wantsColours: Bool { environment("NO_COLOR") == nil }

    /// Nil when unset or empty.
    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
