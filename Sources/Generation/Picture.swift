/// A picture that a request brings along: 8-bit RGB.
public struct Picture: Equatable, Sendable {
    public let size: ImageSize
    /// [height, width, 3]
    public let pixels: [UInt8]

    /// - Precondition: `pixels` fill `size`.
    public init(size: ImageSize, pixels: [UInt8]) {
        precondition(size.height > 0 && size.width > 0, "a picture has pixels")
        precondition(pixels.count == size.height * size.width * 3, "3 bytes a pixel")
        self.size = size
        self.pixels = pixels
    }
}
