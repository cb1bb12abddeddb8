/// Writes `.safetensors` files for tests, right ones and wrong ones.
public enum SafetensorsBytes {
    /// A tensor to write; `bytes` are zeros unless given.
    public struct Tensor: Sendable {
        public var name: String
        public var dtype: String
        public var shape: [Int]
        public var bytes: [UInt8]

        /// - Parameter bytes: nil for zeros; then `dtype` must be F32, F16, BF16, I64 or U8.
        public init(_ name: String, _ dtype: String, _ shape: [Int], bytes: [UInt8]? = nil) {
            let sizes = ["F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1]
            self.name = name
            self.dtype = dtype
            self.shape = shape
            self.bytes =
                bytes
                ?? [UInt8](repeating: 0, count: shape.reduce(sizes[dtype, default: 1], *))
        }
    }

    /// A file with the header as given, right or wrong.
    public static func file(header: String, data: [UInt8] = []) -> [UInt8] {
        file(header: Array(header.utf8), data: data)
    }

    /// As above, for headers that are not UTF-8.
    public static func file(header: [UInt8], data: [UInt8] = []) -> [UInt8] {
        littleEndian(UInt64(header.count)) + header + data
    }

    /// A right file. Names and metadata must need no escape in JSON.
    public static func file(_ tensors: [Tensor], metadata: [String: String] = [:]) -> [UInt8] {
        var members: [String] = []
        var data: [UInt8] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\"\($0)\":\"\($1)\"" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        for tensor in tensors {
            let end = data.count + tensor.bytes.count
            members.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(tensor.dtype)\",\"shape\":\(tensor.shape),"
                    + "\"data_offsets\":[\(data.count),\(end)]}")
            data += tensor.bytes
        }
        return file(header: "{\(members.joined(separator: ","))}", data: data)
    }

    public static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
