internal import CLibpng

/// A PNG file's pixels through libpng's simplified reader, as [height, width, 3].
public struct PNGPixels: Sendable {
    public let width: Int
    public let height: Int
    public let values: [UInt8]

    public init(_ png: [UInt8]) throws {
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        defer { png_image_free(&image) }
        guard png_image_begin_read_from_memory(&image, png, png.count) != 0 else {
            throw ReferenceError("the bytes are not a PNG")
        }
        image.format = png_uint_32(PNG_FORMAT_RGB)
        var values = [UInt8](repeating: 0, count: Int(image.width) * Int(image.height) * 3)
        guard png_image_finish_read(&image, nil, &values, 0, nil) != 0 else {
            throw ReferenceError("the PNG's pixels cannot be read")
        }
        (width, height) = (Int(image.width), Int(image.height))
        self.values = values
    }
}
