/// The parsed and checked header of a `.safetensors` file: 8 bytes of length (little-endian), JSON
/// of that length, then the tensors' bytes without a gap.
///
/// Refuses what the format's own reader refuses (huggingface/safetensors, `Metadata::validate`),
/// and duplicate names. Memory is in proportion to the header that is really there.
struct SafetensorsHeader {
    /// The format's own limit.
    static let headerByteCountMaximum: UInt64 = 100_000_000
    /// Far above any model (the largest have some 10,000); bounds what a hostile header can cost.
    static let tensorCountMaximum = 100_000
    /// As many dimensions as a tensor may have.
    static let rankMaximum = 8
    static let shortestFileByteCount = lengthByteCount + 2
    private static let lengthByteCount = 8

    private(set) var metadata: [String: String] = [:]
    private(set) var tensors: [String: Entry] = [:]

    struct Entry {
        var type: ElementType
        var shape: [Int]
        /// Within the file.
        var bytes: Range<Int>
        var elementCount: Int
    }

    /// - Parameter bytes: the whole file; only its header is read.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(ModelFileError) {
        guard bytes.count >= Self.shortestFileByteCount else {
            throw ModelFileError(file: file, .tooShort(byteCount: bytes.count))
        }
        let announced = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard announced <= Self.headerByteCountMaximum else {
            throw ModelFileError(file: file, .headerOverLimit(headerByteCount: announced))
        }
        guard announced <= bytes.count - Self.lengthByteCount else {
            throw ModelFileError(
                file: file,
                .headerBeyondFile(headerByteCount: announced, fileByteCount: bytes.count))
        }
        let dataStart = Self.lengthByteCount + Int(announced)
        let header = UnsafeRawBufferPointer(
            rebasing: bytes[Self.lengthByteCount..<dataStart])

        var raw = try RawHeader(header, file: file)
        metadata = raw.metadata
        tensors.reserveCapacity(raw.tensors.count)
        for tensor in raw.tensors {
            let entry = try tensor.checked(
                dataStart: dataStart, dataByteCount: bytes.count - dataStart, file: file)
            if tensors.updateValue(entry, forKey: tensor.name) != nil {
                throw ModelFileError(file: file, tensor: tensor.name, .duplicateName)
            }
        }
        try raw.checkCoverage(dataByteCount: bytes.count - dataStart, file: file)
    }
}

/// The header as it is written: well-formed, but with nothing else known.
private struct RawHeader {
    var metadata: [String: String] = [:]
    var tensors: [RawTensor] = []

    init(_ header: UnsafeRawBufferPointer, file: String) throws(ModelFileError) {
        var reader = JSONReader(header, file: file)
        var hasMetadata = false
        try reader.object { (reader, name) throws(ModelFileError) in
            if name == "__metadata__" {
                if hasMetadata { throw reader.failure("__metadata__ occurs twice") }
                hasMetadata = true
                metadata = try Self.metadata(&reader)
            } else if tensors.count == SafetensorsHeader.tensorCountMaximum {
                throw ModelFileError(file: file, .tooManyTensors)
            } else {
                reader.tensor = name
                tensors.append(try RawTensor(name, &reader, file: file))
                reader.tensor = nil
            }
        }
        try reader.end()
    }

    private static func metadata(
        _ reader: inout JSONReader
    ) throws(ModelFileError) -> [String: String] {
        var metadata: [String: String] = [:]
        try reader.object { (reader, key) throws(ModelFileError) in
            if metadata.updateValue(try reader.string(), forKey: key) != nil {
                throw reader.failure("the metadata \"\(key)\" occurs twice")
            }
        }
        return metadata
    }

    /// Every byte of data must belong to exactly one tensor.
    mutating func checkCoverage(dataByteCount: Int, file: String) throws(ModelFileError) {
        tensors.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var covered = 0
        var previous = ""
        for tensor in tensors {
            guard tensor.begin >= covered else {
                throw ModelFileError(file: file, tensor: tensor.name, .overlap(with: previous))
            }
            guard tensor.begin == covered else {
                throw ModelFileError(
                    file: file, tensor: tensor.name, .hole(byteCount: tensor.begin - covered))
            }
            covered = tensor.end
            previous = tensor.name
        }
        guard covered == dataByteCount else {
            throw ModelFileError(file: file, .trailingBytes(dataByteCount - covered))
        }
    }
}

private struct RawTensor {
    var name: String
    var type: String
    var shape: [Int]
    /// From the start of the data.
    var begin: Int
    var end: Int

    init(_ name: String, _ reader: inout JSONReader, file: String) throws(ModelFileError) {
        var type: String?
        var shape: [Int]?
        var offsets: (begin: Int, end: Int)?
        try reader.object { (reader, field) throws(ModelFileError) in
            switch field {
            case "dtype" where type == nil:
                type = try reader.string()
            case "shape" where shape == nil:
                shape = try Self.shape(&reader, tensor: name, file: file)
            case "data_offsets" where offsets == nil:
                offsets = try Self.offsets(&reader)
            case "dtype", "shape", "data_offsets":
                throw reader.failure("the field \"\(field)\" occurs twice")
            default:
                throw reader.failure("the field \"\(field)\" is not of this format")
            }
        }
        guard let type, let shape, let offsets else {
            throw reader.failure("a tensor needs dtype, shape and data_offsets")
        }
        self.name = name
        self.type = type
        self.shape = shape
        (begin, end) = offsets
    }

    private static func shape(
        _ reader: inout JSONReader, tensor: String, file: String
    ) throws(ModelFileError) -> [Int] {
        var shape: [Int] = []
        try reader.array { (reader) throws(ModelFileError) in
            if shape.count == SafetensorsHeader.rankMaximum {
                throw ModelFileError(
                    file: file, tensor: tensor, .tooManyDimensions(shape.count + 1))
            }
            shape.append(try reader.wholeNumber())
        }
        return shape
    }

    private static func offsets(
        _ reader: inout JSONReader
    ) throws(ModelFileError) -> (begin: Int, end: Int) {
        var offsets = (begin: 0, end: 0)
        var count = 0
        try reader.array { (reader) throws(ModelFileError) in
            let offset = try reader.wholeNumber()
            offsets = (offsets.end, offset)
            count += 1
            if count > 2 { throw reader.failure("data_offsets has more than two numbers") }
        }
        if count < 2 { throw reader.failure("data_offsets has fewer than two numbers") }
        return offsets
    }

    /// Checks the tensor by itself. Nothing is added or multiplied before it is known to fit.
    func checked(
        dataStart: Int, dataByteCount: Int, file: String
    ) throws(ModelFileError) -> SafetensorsHeader.Entry {
        func error(_ reason: ModelFileError.Reason) -> ModelFileError {
            ModelFileError(file: file, tensor: name, reason)
        }
        guard let type = ElementType(rawValue: type) else {
            throw error(.unknownElementType(type))
        }
        var elementCount = 1
        for length in shape {
            let (product, overflow) = elementCount.multipliedReportingOverflow(by: length)
            if overflow { throw error(.sizeOverflow(shape: shape)) }
            elementCount = product
        }
        let (bits, overflow) = elementCount.multipliedReportingOverflow(by: type.bitCount)
        if overflow { throw error(.sizeOverflow(shape: shape)) }
        guard begin <= end else { throw error(.offsetsReversed(begin: begin, end: end)) }
        guard end <= dataByteCount else {
            throw error(.offsetsBeyondFile(end: end, dataByteCount: dataByteCount))
        }
        // Elements of less than a byte must fill whole bytes.
        guard bits % 8 == 0, bits / 8 == end - begin else {
            throw error(.sizeMismatch(needed: (bits - 1) / 8 + 1, spanned: end - begin))
        }
        return SafetensorsHeader.Entry(
            type: type, shape: shape, bytes: dataStart + begin..<dataStart + end,
            elementCount: elementCount)
    }
}
