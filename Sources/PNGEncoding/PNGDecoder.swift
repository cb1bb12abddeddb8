internal import CPNGShim
public import Generation

/// PNG files from anywhere to 8-bit RGB. A file is hostile until it has been decoded: its size is
/// checked before anything of that size is allocated, texts and profiles are not looked at, every
/// checksum must be right, and the file must be whole.
///
/// Any kind of PNG is taken: palette, gray, 16 bits (rounded to 8), interlaced. Transparency is laid
/// over white. Colours are taken as they are, without colour management, as diffusers takes them.
/// Some 20 ms for a megapixel, so it does not belong on an event loop.
public struct PNGDecoder: Sendable {
    /// The largest width and height, in pixels.
    public var sideMaximum: Int
    /// The largest width * height.
    public var pixelMaximum: Int

    public init(sideMaximum: Int, pixelMaximum: Int) {
        self.sideMaximum = sideMaximum
        self.pixelMaximum = pixelMaximum
    }

    /// Signature, and the header chunk up to the picture's size.
    public static let headerByteCount = 24

    /// The size that the first bytes of a file tell, if it is within the limits.
    ///
    /// Throws ``PNGDecodingError/truncated`` for fewer than ``headerByteCount`` bytes.
    public func size(ofFileBeginning bytes: [UInt8]) throws(PNGDecodingError) -> ImageSize {
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        // The header chunk comes first: its length, 13, and its name.
        let start = signature + [0, 0, 0, 13] + Array("IHDR".utf8)
        guard bytes.prefix(start.count).elementsEqual(start.prefix(bytes.count)) else {
            throw .notPNG
        }
        guard bytes.count >= Self.headerByteCount else { throw .truncated }
        func number(at index: Int) -> Int {
            bytes[index..<index + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        let size = ImageSize(height: number(at: 20), width: number(at: 16))
        guard size.width > 0, size.height > 0 else {
            throw .damaged("it is \(size.width) x \(size.height) pixels")
        }
        // Below 2^32 each: the product fits.
        guard max(size.width, size.height) <= min(sideMaximum, Int(UInt32.max >> 1)),
            size.width * size.height <= pixelMaximum
        else {
            throw .tooLarge(size, sideMaximum: sideMaximum, pixelMaximum: pixelMaximum)
        }
        return size
    }

    /// The whole picture.
    public func decode(_ file: [UInt8]) throws(PNGDecodingError) -> Picture {
        let size = try size(ofFileBeginning: file)
        var code = Int32(REFINERY_PNG_OK)
        var message = [CChar](repeating: 0, count: Int(REFINERY_PNG_MESSAGE_BYTES))
        let byteCount = size.width * size.height * 3
        let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            code = refinery_png_decode(
                file, file.count, UInt32(size.width), UInt32(size.height), buffer.baseAddress,
                &message)
            count = code == Int32(REFINERY_PNG_OK) ? byteCount : 0
        }
        switch Int(code) {
        case Int(REFINERY_PNG_OK): return Picture(size: size, pixels: pixels)
        case Int(REFINERY_PNG_TRUNCATED): throw .truncated
        case Int(REFINERY_PNG_OUT_OF_MEMORY): throw .outOfMemory
        default:
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .damaged(String(decoding: text, as: UTF8.self))
        }
    }
}
