/// Why a model file, or one tensor of it, cannot be used. Names the file and, where one is at fault,
/// the tensor.
public struct ModelFileError: Error, Equatable, Sendable {
    /// The file's name, without its folder: the text may reach remote callers.
    public let file: String
    public let tensor: String?
    public let reason: Reason

    public init(file: String, tensor: String? = nil, _ reason: Reason) {
        self.file = file
        self.tensor = tensor
        self.reason = reason
    }

    public enum Reason: Equatable, Sendable {
        /// The system's words for why the file cannot be opened, measured or mapped.
        case unreadable(String)
        case notARegularFile
        /// Less than the length field and the shortest header.
        case tooShort(byteCount: Int)
        case headerBeyondFile(headerByteCount: UInt64, fileByteCount: Int)
        case headerOverLimit(headerByteCount: UInt64)
        /// Not the JSON that a header is made of; `byte` counts from the header's start.
        case malformedHeader(byte: Int, String)
        case tooManyTensors
        case tooManyDimensions(Int)
        case duplicateName
        case unknownElementType(String)
        /// The shape's product, in bits, is more than an Int.
        case sizeOverflow(shape: [Int])
        case offsetsReversed(begin: Int, end: Int)
        case offsetsBeyondFile(end: Int, dataByteCount: Int)
        /// The offsets span another number of bytes than shape and type need.
        case sizeMismatch(needed: Int, spanned: Int)
        case overlap(with: String)
        /// Bytes before the tensor that belong to none.
        case hole(byteCount: Int)
        /// Bytes after the last tensor.
        case trailingBytes(Int)
        case missingTensor
        /// A nil in `wanted` stands for any length.
        case wrongShape(found: [Int], wanted: [Int?])
        /// Not a type that weights are computed with.
        case unsupportedElementType(ElementType)
        case badHints(String)
        /// Bytes that were there when it was opened could not be read.
        case damaged
        /// Other bytes than were there when it was opened.
        case changed
        /// A shape that does not fit the rest of its network, in words.
        case misfit(String)
    }
}

extension ModelFileError: CustomStringConvertible {
    public var description: String {
        let place = tensor.map { "\(file), tensor \"\(excerpt($0))\": " } ?? "\(file): "
        return place + reason.description
    }
}

extension ModelFileError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let words):
            "cannot be read: \(words)"
        case .notARegularFile:
            "is not a regular file; give the path of a .safetensors file"
        case .tooShort(let byteCount):
            "has only \(byteCount) bytes; the shortest safetensors file has "
                + "\(SafetensorsHeader.shortestFileByteCount). Was the download cut off?"
        case .headerBeyondFile(let header, let file):
            "its first 8 bytes announce a header of \(header) bytes, but the whole file has "
                + "\(file). It is not a safetensors file, or was cut off"
        case .headerOverLimit(let header):
            "its first 8 bytes announce a header of \(header) bytes; the format allows "
                + "\(SafetensorsHeader.headerByteCountMaximum). It is not a safetensors file"
        case .malformedHeader(let byte, let what):
            "the header is malformed at byte \(byte): \(excerpt(what))"
        case .tooManyTensors:
            "holds more than \(SafetensorsHeader.tensorCountMaximum) tensors"
        case .tooManyDimensions(let count):
            "has \(count) dimensions or more; at most \(SafetensorsHeader.rankMaximum) are allowed"
        case .duplicateName:
            "the name occurs twice"
        case .unknownElementType(let name):
            "has the element type \"\(excerpt(name))\", which safetensors does not know"
        case .sizeOverflow(let shape):
            "its shape \(shape) is larger than any memory"
        case .offsetsReversed(let begin, let end):
            "its data would end at \(end), before it begins at \(begin)"
        case .offsetsBeyondFile(let end, let dataByteCount):
            "its data would end at byte \(end), but the file holds \(dataByteCount) bytes of data. "
                + "Was the download cut off?"
        case .sizeMismatch(let needed, let spanned):
            "its shape and element type need \(needed) bytes, but its offsets span \(spanned)"
        case .overlap(let other):
            "its data overlaps that of \"\(excerpt(other))\""
        case .hole(let byteCount):
            "the \(byteCount) bytes before its data belong to no tensor"
        case .trailingBytes(let byteCount):
            "the last \(byteCount) bytes belong to no tensor"
        case .missingTensor:
            "is not in the file"
        case .wrongShape(let found, let wanted):
            "has the shape \(found), where \(text(wanted)) is needed"
        case .unsupportedElementType(let type):
            "is \(type.rawValue); weights are F32, F16 or BF16. Convert the file to one of these"
        case .badHints(let what):
            "its sdxl_hints are wrong: \(excerpt(what))"
        case .damaged:
            "lost bytes while it was in use: it was cut short, or its disk failed. Put the whole "
                + "file back, by renaming it into place"
        case .changed:
            "was written to while it was in use. Replace a model file by renaming another one over "
                + "it"
        case .misfit(let what):
            what
        }
    }

    private func text(_ shape: [Int?]) -> String {
        "[" + shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", ") + "]"
    }
}

/// Names come from files we did not write: they are cut to a readable length, and control characters
/// (a line break in a log) are shown as such.
private func excerpt(_ text: String) -> String {
    let limit = 200
    let shown = text.unicodeScalars.prefix(limit).map { scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: scalar.escaped(asASCII: true)
        default: String(scalar)
        }
    }
    return shown.joined() + (text.unicodeScalars.count > limit ? "…" : "")
}
