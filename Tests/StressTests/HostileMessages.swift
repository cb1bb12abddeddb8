import Wire

/// Requests as large as they may be and made to cost the server much: each a `ttrpc.Request` by hand.
enum HostileMessages {
    static let all: [(name: String, request: [UInt8])] = [
        ("unknown fields", request(.ping) + filling([0x78, 0x01])),
        ("metadata", request(.ping) + filling(field(5, []))),
        ("a size given again and again", request(.generate, filling(field(15, [0x08, 0x40])))),
        (
            "a refiner given again and again",
            request(.generate, filling(field(14, [0x0A, 1, 0x72])))
        ),
        ("empty elements", request(.generate, filling(field(24, [])))),
        ("states", request(.listJobs, field(1, [UInt8](repeating: 1, count: 65_000)))),
        ("a long prompt", request(.generate, field(2, [UInt8](repeating: 0x61, count: 65_000)))),
        ("broken letters", request(.generate, field(2, [UInt8](repeating: 0xC3, count: 65_000)))),
    ]

    private static func request(_ method: Method, _ payload: [UInt8] = []) -> [UInt8] {
        field(1, Array(method.service.utf8)) + field(2, Array(method.name.utf8))
            + (payload.isEmpty ? [] : field(3, payload))
    }

    private static func filling(_ element: [UInt8]) -> [UInt8] {
        Array(repeatElement(element, count: 65_000 / element.count).joined())
    }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        varint(Int(number) << 3 | 2) + varint(bytes.count) + bytes
    }

    private static func varint(_ value: Int) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
    }
}
