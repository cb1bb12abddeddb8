public import Foundation

/// Writes a `.safetensors` file: an 8-byte header length, the header as JSON, the tensors' bytes.
public struct SafetensorsWriter {
    private var entries: [(name: String, dtype: String, shape: [Int], range: Range<Int>)] = []
    private var payload = Data()

    public init() {}

    public mutating func add(_ name: String, shape: [Int], _ values: [Float]) {
        add(name, dtype: "F32", shape: shape, values)
    }

    public mutating func add(_ name: String, shape: [Int], _ values: [Double]) {
        add(name, dtype: "F64", shape: shape, values)
    }

    public mutating func add(_ name: String, shape: [Int], _ values: [Int32]) {
        add(name, dtype: "I32", shape: shape, values)
    }

    public mutating func add(_ name: String, shape: [Int], _ values: [UInt8]) {
        add(name, dtype: "U8", shape: shape, values)
    }

    /// The whole file. Names need no escapes: they are the engine's own.
    public func serialized() -> Data {
        let tensors = entries.map { entry in
            let shape = entry.shape.map(String.init).joined(separator: ",")
            return """
                "\(entry.name)":{"dtype":"\(entry.dtype)","shape":[\(shape)],\
                "data_offsets":[\(entry.range.lowerBound),\(entry.range.upperBound)]}
                """
        }
        var header = "{" + tensors.joined(separator: ",") + "}"
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        var file = Data()
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { file.append(contentsOf: $0) }
        file.append(contentsOf: header.utf8)
        file.append(payload)
        return file
    }

    private mutating func add<Element: BitwiseCopyable>(
        _ name: String, dtype: String, shape: [Int], _ values: [Element]
    ) {
        precondition(shape.reduce(1, *) == values.count)
        let start = payload.count
        values.withUnsafeBytes { payload.append(contentsOf: $0) }
        entries.append((name, dtype, shape, start..<payload.count))
    }
}
