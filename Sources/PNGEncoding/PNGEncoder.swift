internal import CPNGShim
public import Generation

/// Pixels to a PNG file: 8-bit RGB with texts, such as the parameters that made the picture.
///
/// The same picture and texts give the same bytes with one build of libpng and zlib: there is no
/// time chunk, and level 1, the SUB filter and run-length matching are fixed. Takes some 30 ms for
/// a megapixel, so it belongs on a compute lane, not on the event loop.
public struct PNGEncoder: Sendable {
    /// libpng's own limit, in pixels.
    public static let maximumSide = 1_000_000

    public init() {}

    /// The file's bytes. `texts` become uncompressed iTXt chunks, in order, ahead of the pixels.
    ///
    /// Throws before anything is allocated when the size, the pixels or a text do not fit the format.
    public func encode(_ image: DecodedImage, texts: [PNGText] = [])
        throws(PNGEncodingError) -> [UInt8]
    {
        let (width, height) = try Self.checkedSize(of: image)
        var pairs: [CChar] = []
        for text in texts { try text.appendChecked(to: &pairs) }

        var png = refinery_png()
        defer { refinery_png_free(&png) }
        let code = refinery_png_encode(image.pixels, width, height, pairs, texts.count, &png)
        switch Int(code) {
        case REFINERY_PNG_OK:
            return Array(UnsafeBufferPointer(start: png.bytes, count: png.byte_count))
        case REFINERY_PNG_OUT_OF_MEMORY:
            throw .outOfMemory
        default:
            let message = withUnsafeBytes(of: png.message) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw .refused(message)
        }
    }

    private static func checkedSize(of image: DecodedImage)
        throws(PNGEncodingError) -> (width: UInt32, height: UInt32)
    {
        let sides = 1...maximumSide
        guard sides.contains(image.size.width), sides.contains(image.size.height) else {
            throw .sizeOutOfRange(image.size)
        }
        // At most 3e12: no overflow.
        let expected = image.size.width * image.size.height * 3
        guard image.pixels.count == expected else {
            throw .pixelsMissing(expected: expected, found: image.pixels.count)
        }
        return (UInt32(image.size.width), UInt32(image.size.height))
    }
}
