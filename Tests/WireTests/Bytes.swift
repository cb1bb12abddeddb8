import Wire

/// Protobuf by hand, for messages that no well-meaning encoder makes.
enum Bytes {
    static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func varint(field: UInt64, _ value: UInt64) -> [UInt8] {
        varint(field << 3) + varint(value)
    }

    static func double(field: UInt64, _ value: Double) -> [UInt8] {
        varint(field << 3 | 1) + withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
    }

    static func bytes(field: UInt64, _ value: some Collection<UInt8>) -> [UInt8] {
        varint(field << 3 | 2) + varint(UInt64(value.count)) + value
    }

    static func text(field: UInt64, _ value: String) -> [UInt8] {
        bytes(field: field, Array(value.utf8))
    }

    /// A `ttrpc.Request`.
    static func request(
        _ service: String, _ method: String, payload: [UInt8] = [], more: [UInt8] = []
    ) -> [UInt8] {
        text(field: 1, service) + text(field: 2, method)
            + (payload.isEmpty ? [] : bytes(field: 3, payload)) + more
    }

    static func request(
        _ method: Method, payload: [UInt8] = [], more: [UInt8] = []
    ) -> [UInt8] {
        request(method.service, method.name, payload: payload, more: more)
    }
}
