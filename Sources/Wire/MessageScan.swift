internal import CProtobufC
internal import Generation

/// Walks a message's bytes along its descriptor before protobuf-c unpacks them, and says which field
/// is wrong. protobuf-c itself only says no, and keeps every unknown field at 45 times its size.
///
/// Unknown fields are skipped, so that the schema can grow, up to a limit. Depth is bounded by the
/// schema: no message holds itself.
struct MessageScan {
    static let unknownFieldMaximum = 64

    private let message: String
    private var unknownFieldCount = 0
    /// The fields that lead to the message being read. Names are put together only for an error.
    private var path: [ProtobufCFieldDescriptor] = []

    /// Throws INVALID_ARGUMENT, naming the field where one is to blame.
    static func check(
        _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(GenerationError) {
        var scan = MessageScan(message: String(cString: descriptor.pointee.name))
        try scan.scan(bytes, descriptor)
    }

    private init(message: String) {
        self.message = message
    }

    private mutating func scan(
        _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(GenerationError) {
        var reader = WireReader(bytes)
        while !reader.isAtEnd {
            guard let (number, wireType) = reader.readTag() else {
                throw malformed("it holds a broken field tag")
            }
            guard let field = protobuf_c_message_descriptor_get_field(descriptor, number)?.pointee
            else {
                try skipUnknownField(number, wireType, &reader)
                continue
            }
            path.append(field)
            guard Self.accepts(wireType, field) else {
                throw malformed("it has the type of another field on the wire")
            }
            guard let value = reader.readValue(wireType) else { throw malformed("it is cut off") }
            if field.type == PROTOBUF_C_TYPE_MESSAGE {
                let nested = field.descriptor.assumingMemoryBound(
                    to: ProtobufCMessageDescriptor.self)
                try scan(value, nested)
            }
            path.removeLast()
        }
    }

    private mutating func skipUnknownField(
        _ number: UInt32, _ wireType: WireType, _ reader: inout WireReader
    ) throws(GenerationError) {
        unknownFieldCount += 1
        guard unknownFieldCount <= Self.unknownFieldMaximum else {
            throw malformed("it has more than \(Self.unknownFieldMaximum) unknown fields")
        }
        guard reader.readValue(wireType) != nil else {
            throw malformed("its unknown field \(number) is broken or cut off")
        }
    }

    private func malformed(_ problem: String) -> GenerationError {
        guard !path.isEmpty else { return .malformed(message, problem) }
        let names = path.map { Self.contractName(String(cString: $0.name)) }
        return .malformed(field: names.joined(separator: "."), problem)
    }

    private static func accepts(_ wireType: WireType, _ field: ProtobufCFieldDescriptor) -> Bool {
        let own: WireType =
            switch field.type {
            case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE: .bytes
            case PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64: .fixed64
            case PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32: .fixed32
            default: .varint
            }
        // Repeated numbers may come packed.
        return wireType == own || (wireType == .bytes && field.label == PROTOBUF_C_LABEL_REPEATED)
    }

    /// `start_step` to `startStep`, `request_id` to `taskUUID`: the public contract's names.
    private static func contractName(_ wireName: String) -> String {
        if let parameter = Parameter.all.first(where: { $0.wireName == wireName }) {
            return parameter.key
        }
        let words = wireName.split(separator: "_").map(String.init)
        return words[0] + words.dropFirst().map(\.capitalised).joined()
    }
}

/// How a field's value is written (protobuf's encoding document). Groups, 3 and 4, are refused, as
/// protobuf-c does.
private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case fixed32 = 5
}

private struct WireReader {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func readTag() -> (number: UInt32, WireType)? {
        guard let tag = readVarint(), let type = WireType(rawValue: tag & 7),
            let number = UInt32(exactly: tag >> 3), 1..<(1 << 29) ~= number
        else { return nil }
        return (number, type)
    }

    /// The bytes of the value, without a length in front; nil when they are cut off.
    mutating func readValue(_ type: WireType) -> UnsafeRawBufferPointer? {
        switch type {
        case .varint:
            let start = rest
            guard readVarint() != nil else { return nil }
            return .init(rebasing: start.prefix(start.count - rest.count))
        case .fixed64: return take(8)
        case .fixed32: return take(4)
        case .bytes: return readVarint().flatMap { Int(exactly: $0) }.flatMap { take($0) }
        }
    }

    private mutating func readVarint() -> UInt64? {
        var value: UInt64 = 0
        for (index, byte) in rest.prefix(10).enumerated() {
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 {
                rest = .init(rebasing: rest[(index + 1)...])
                return value
            }
        }
        return nil
    }

    private mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count <= rest.count else { return nil }
        defer { rest = .init(rebasing: rest[count...]) }
        return .init(rebasing: rest.prefix(count))
    }
}
