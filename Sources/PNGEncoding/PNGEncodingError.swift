public import Generation

/// Why a picture cannot be written as PNG.
public enum PNGEncodingError: Error, Equatable, Sendable {
    case sizeOutOfRange(ImageSize)
    /// The pixels are not [height, width, 3] bytes.
    case pixelsMissing(expected: Int, found: Int)
    /// The keyword, and what is asked of one.
    case badKeyword(String, String)
    case textHoldsNUL(keyword: String)
    case outOfMemory
    /// libpng's own words.
    case refused(String)
}

extension PNGEncodingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .sizeOutOfRange(let size):
            "a PNG of \(size.width)x\(size.height) pixels is not possible: "
                + "each side must be 1 to \(PNGEncoder.maximumSide)"
        case .pixelsMissing(let expected, let found):
            "the picture has \(found) bytes of pixels where its size asks for \(expected)"
        case .badKeyword(let keyword, let rule):
            "\(keyword.debugDescription) cannot be the keyword of a PNG text: \(rule)"
        case .textHoldsNUL(let keyword):
            "the PNG text \(keyword.debugDescription) holds a NUL character: remove it"
        case .outOfMemory:
            "there is not enough memory to encode the picture"
        case .refused(let message):
            "libpng refused the picture: \(message)"
        }
    }
}
