import Generation
import Wire

/// A `ttrpc.Request` by hand, so that it may name what does not exist and hold what cannot be.
struct RawRequest {
    var service: String
    var method: String
    var payload: [UInt8]

    func frame(on stream: StreamID) -> [UInt8] {
        let message =
            Self.bytes(1, Array(service.utf8)) + Self.bytes(2, Array(method.utf8))
            + Self.bytes(3, payload)
        return Frame(stream: stream, type: .request, payload: message).encoded()
    }

    // MARK: Fields of any message

    static func bytes(_ field: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        varint(field << 3 | 2) + varint(UInt64(bytes.count)) + bytes
    }

    static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] {
        varint(field << 3) + varint(value)
    }

    static func double(_ field: UInt64, _ value: Double) -> [UInt8] {
        varint(field << 3 | 1) + withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
    }

    private static func varint(_ number: UInt64) -> [UInt8] {
        number < 128 ? [UInt8(number)] : [UInt8(number & 127 | 128)] + varint(number >> 7)
    }

    // MARK: The answer

    /// The error that a Response holds; nil when it is none.
    static func error(_ frame: Frame) -> GenerationError? {
        var client = ClientConnectionState()
        guard let stream = try? client.open(.ping([])).stream else { return nil }
        var moved = frame
        moved.stream = stream
        client.receive(moved.encoded())
        guard case .failed(_, let error) = client.nextAction() else { return nil }
        return error
    }
}
