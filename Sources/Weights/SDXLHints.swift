/// What an SDXL file's tensor shapes do not tell: the size of an attention head, by network.
///
/// Published files say nothing, and all three are 64. Small models made for tests say it in the
/// metadata `sdxl_hints`, as JSON such as `{"unet_head_dim": 16}`.
public struct SDXLHints: Equatable, Sendable {
    public var unetHeadDimension = 64
    /// Of the CLIP-L encoder.
    public var textEncoderHeadDimension = 64
    /// Of the OpenCLIP encoder.
    public var textEncoder2HeadDimension = 64

    private static let headDimensions = 1...1024

    public init() {}

    /// Reads the file's metadata.
    public init(_ file: ModelFile) throws(ModelFileError) {
        guard let text = file.metadata["sdxl_hints"] else { return }
        do throws(ModelFileError) {
            try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(ModelFileError) in
                var reader = JSONReader(UnsafeRawBufferPointer(bytes), file: file.name)
                try read(&reader)
            }
        } catch {
            guard case .malformedHeader(_, let what) = error.reason else { throw error }
            throw ModelFileError(file: file.name, .badHints(what))
        }
    }

    private mutating func read(_ reader: inout JSONReader) throws(ModelFileError) {
        var seen: Set<String> = []
        try reader.object { (reader, key) throws(ModelFileError) in
            let value = try reader.wholeNumber()
            guard seen.insert(key).inserted else {
                throw reader.failure("\"\(key)\" occurs twice")
            }
            guard Self.headDimensions.contains(value) else {
                throw reader.failure("\"\(key)\" is \(value), not within 1...1024")
            }
            switch key {
            case "unet_head_dim": unetHeadDimension = value
            case "text_encoder_head_dim": textEncoderHeadDimension = value
            case "text_encoder_2_head_dim": textEncoder2HeadDimension = value
            default: throw reader.failure("\"\(key)\" is not a known hint")
            }
        }
        try reader.end()
    }
}
