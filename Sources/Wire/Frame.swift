/// What a frame is for. Other numbers are legal on the wire and ignored.
public struct FrameType: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Opens a stream; from the client. Carries a `ttrpc.Request`.
    public static let request = FrameType(rawValue: 1)
    /// Ends a stream, with its only reply or with an error; from the server. Carries a
    /// `ttrpc.Response`.
    public static let response = FrameType(rawValue: 2)
    /// One message of a stream, without an envelope.
    public static let data = FrameType(rawValue: 3)
}

/// Bits of a frame's header. Unknown ones are ignored.
public struct FrameFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The sender will send no more on this stream.
    public static let remoteClosed = FrameFlags(rawValue: 0x01)
    /// On a Request: the client will send Data on this stream.
    public static let remoteOpen = FrameFlags(rawValue: 0x02)
    /// The frame carries no message, which is not the same as an empty one. (In ttrpc's Go and Rust
    /// sources, though not in its PROTOCOL.md.)
    public static let noData = FrameFlags(rawValue: 0x04)
}

/// The first ten bytes of a frame, big-endian:
///
///     | payload byte count u32 | stream id u32 | type u8 | flags u8 | payload …
public struct FrameHeader: Equatable, Sendable {
    public static let byteCount = 10
    /// ttrpc's limit, 4 MiB. So the first byte of every legal frame is 0.
    public static let payloadByteCountMaximum = 4 << 20

    public var payloadByteCount: Int
    public var stream: StreamID
    public var type: FrameType
    public var flags: FrameFlags

    public init(payloadByteCount: Int, stream: StreamID, type: FrameType, flags: FrameFlags) {
        self.payloadByteCount = payloadByteCount
        self.stream = stream
        self.type = type
        self.flags = flags
    }

    /// Reads the header at the start of `bytes`; nil when there are fewer than ten.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        payloadByteCount = Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        stream = StreamID(
            rawValue: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        type = FrameType(rawValue: bytes[8])
        flags = FrameFlags(rawValue: bytes[9])
    }

    /// Writes the header to the first ten bytes of `buffer`.
    func write(to buffer: UnsafeMutableRawBufferPointer) {
        precondition(payloadByteCount <= Self.payloadByteCountMaximum, "no frame is this large")
        buffer.storeBytes(of: UInt32(payloadByteCount).bigEndian, as: UInt32.self)
        buffer.storeBytes(of: stream.rawValue.bigEndian, toByteOffset: 4, as: UInt32.self)
        buffer[8] = type.rawValue
        buffer[9] = flags.rawValue
    }
}

/// A whole frame, as received.
public struct Frame: Equatable, Sendable {
    public var stream: StreamID
    public var type: FrameType
    public var flags: FrameFlags
    public var payload: [UInt8]

    public init(stream: StreamID, type: FrameType, flags: FrameFlags = [], payload: [UInt8] = []) {
        self.stream = stream
        self.type = type
        self.flags = flags
        self.payload = payload
    }

    /// The frame as it travels. `payload` may hold at most
    /// ``FrameHeader/payloadByteCountMaximum`` bytes.
    public func encoded() -> [UInt8] {
        Self.encoded(stream: stream, type: type, flags: flags, payloadByteCount: payload.count) {
            $0.copyBytes(from: payload)
        }
    }

    /// A frame whose payload `write` puts where it travels from, so that a picture of megabytes is
    /// written once. `write` gets, and must fill, exactly `payloadByteCount` bytes.
    static func encoded(
        stream: StreamID, type: FrameType, flags: FrameFlags, payloadByteCount: Int,
        write: (UnsafeMutableRawBufferPointer) -> Void
    ) -> [UInt8] {
        let header = FrameHeader(
            payloadByteCount: payloadByteCount, stream: stream, type: type, flags: flags)
        let byteCount = FrameHeader.byteCount + payloadByteCount
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initializedCount in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            header.write(to: bytes)
            write(UnsafeMutableRawBufferPointer(rebasing: bytes[FrameHeader.byteCount..<byteCount]))
            initializedCount = byteCount
        }
    }
}
