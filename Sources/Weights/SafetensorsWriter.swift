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
        var file = Data(
            Self.header(entries.map { ($0.name, $0.dtype, $0.shape, $0.range.count) }))
        file.append(payload)
        return file
    }

    /// What comes before the tensors' bytes, which follow in this order without gaps. Names and
    /// metadata need no escapes but for quotation marks in the latter's values.
    public static func header(
        _ tensors: [(name: String, dtype: String, shape: [Int], byteCount: Int)],
        metadata: [String: String] = [:]
    ) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { key, value in
                "\"\(key)\":\"\(value.replacing("\"", with: "\\\""))\""
            }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in tensors {
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                """
                "\(tensor.name)":{"dtype":"\(tensor.dtype)","shape":[\(shape)],\
                "data_offsets":[\(offset),\(offset + tensor.byteCount)]}
                """)
            offset += tensor.byteCount
        }
        var json = "{" + members.joined(separator: ",") + "}"
        json += String(repeating: " ", count: (8 - json.utf8.count % 8) % 8)
        return withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { Array($0) }
            + Array(json.utf8)
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
