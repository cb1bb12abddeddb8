/// One call on a connection. The client picks it: odd, and open only once at a time; even ids and 0
/// are reserved.
public struct StreamID: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Whether a client may open a stream with it.
    public var isClientInitiated: Bool { rawValue % 2 == 1 }
}

extension StreamID: ExpressibleByIntegerLiteral, CustomStringConvertible {
    public init(integerLiteral value: UInt32) {
        self.init(rawValue: value)
    }

    public var description: String { String(rawValue) }
}
