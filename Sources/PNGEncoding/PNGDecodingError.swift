public import Generation

/// Why a file gives no picture.
public enum PNGDecodingError: Error, Equatable, Sendable {
    /// It does not begin as a PNG does.
    case notPNG
    /// It ends too early.
    case truncated
    /// Larger than the decoder's limits, which are given too.
    case tooLarge(ImageSize, sideMaximum: Int, pixelMaximum: Int)
    case outOfMemory
    /// It is damaged; libpng's own words.
    case damaged(String)
}

extension PNGDecodingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notPNG:
            "it is not a PNG file: save the picture as PNG"
        case .truncated:
            "the PNG file ends too early: send the whole file"
        case .tooLarge(let size, let sideMaximum, let pixelMaximum):
            "the picture is \(size.width) x \(size.height) pixels; at most \(sideMaximum) a side and "
                + "\(pixelMaximum) in all are taken: scale it down"
        case .outOfMemory:
            "there is not enough memory to decode the picture"
        case .damaged(let message):
            "the PNG file is damaged (\(message)): save or send it again"
        }
    }
}
