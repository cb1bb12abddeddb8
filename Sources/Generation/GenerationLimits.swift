/// What a server grants a request beyond the contract's own ranges.
public struct GenerationLimits: Equatable, Sendable {
    /// Id or alias of the model of a request that names none; empty: the generator's default.
    public var defaultModel: String
    /// The largest width and the largest height, in pixels.
    public var sideMaximum: Int
    /// The largest width * height.
    public var pixelMaximum: Int

    public init(
        defaultModel: String = "", sideMaximum: Int = 2048,
        pixelMaximum: Int = GenerationLimits.framePixelMaximum
    ) {
        self.defaultModel = defaultModel
        self.sideMaximum = sideMaximum
        self.pixelMaximum = pixelMaximum
    }

    /// The largest payload of a frame on the wire, in bytes: 4 MiB.
    public static let frameByteLimit = 4 << 20

    /// Of a frame, what is kept for all but the pixels: the event's other fields, the PNG's own
    /// structure (a filter byte a row, deflate's stored blocks and chunk headers: below 10 KiB) and its
    /// text (twelve prompts of 3,000 characters at 4 bytes come to 141 KiB).
    public static let frameReserve = 256 << 10

    /// As many pixels as always fit one frame: noise does not compress, and 3 bytes a pixel must still
    /// go. 1,310,720, as of 1280 x 1024.
    public static let framePixelMaximum = (frameByteLimit - frameReserve) / 3
}
