/// Reads the texts of a PNG file without decoding its pixels: the file is walked chunk by chunk, and
/// whatever it holds, the outcome is the texts or an error.
public enum PNGTextReader {
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case notPNG
        /// A chunk runs over the end of the file.
        case truncated

        public var description: String {
            switch self {
            case .notPNG: "it is not a PNG"
            case .truncated: "it is cut off; was the download complete?"
            }
        }
    }

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    /// Length, type and checksum of a chunk.
    private static let overhead = 12

    /// The first uncompressed iTXt text with this keyword, as UTF-8; nil where there is none.
    public static func text(_ keyword: String, in png: [UInt8]) throws(Failure) -> [UInt8]? {
        guard png.starts(with: signature) else { throw .notPNG }
        // Keyword, its end, not compressed and the method, no language, no translated keyword.
        let prefix = Array(keyword.utf8) + [0, 0, 0, 0, 0]
        var rest = png[signature.count...]
        while !rest.isEmpty {
            guard rest.count >= overhead else { throw .truncated }
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard length <= rest.count - overhead else { throw .truncated }
            let type = rest.dropFirst(4).prefix(4)
            let data = rest.dropFirst(8).prefix(length)
            if type.elementsEqual("iTXt".utf8), data.starts(with: prefix) {
                return Array(data.dropFirst(prefix.count))
            }
            rest = rest.dropFirst(overhead + length)
        }
        return nil
    }
}
