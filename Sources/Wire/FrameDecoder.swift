/// Cuts a stream of bytes into frames. Feed it what arrives, in pieces of any size, and ask for the
/// next frame until it says nil: more bytes are needed.
///
/// It never holds more than one unfinished frame beside what was last appended. The limit is applied
/// to the header: an oversized payload is thrown away as it arrives, at the cost of its stream and
/// not of the connection. A first byte other than 0 is no ttrpc at all (the length would be 16 MiB
/// or more; a TLS hello or an HTTP request looks like that) and nothing after it can be trusted.
public struct FrameDecoder {
    public enum Element: Equatable, Sendable {
        case frame(Frame)
        /// The header of a frame over the limit. Its payload will be skipped.
        case oversized(FrameHeader)
    }

    /// The connection has to be closed.
    public enum Fault: Error, Equatable, Sendable {
        /// A frame begins with a byte other than 0.
        case notTTRPC(firstByte: UInt8)
    }

    /// Larger payloads are skipped.
    public let payloadByteLimit: Int

    // Cursors, always in order: 0 <= head <= buffer.count. Bytes before `head` are consumed.
    // `skipCount` bytes of an oversized payload are still to come, before anything in the buffer.
    private var buffer: [UInt8] = []
    private var head = 0
    private var skipCount = 0
    /// Given out by `next()`.
    private var frameCount = 0

    /// An empty buffer that once held a large frame goes back to the allocator above this.
    private static let idleCapacityMaximum = 4096

    /// `payloadByteLimit`: at most ``FrameHeader/payloadByteCountMaximum``, which is also what it is
    /// without one.
    public init(payloadByteLimit: Int = FrameHeader.payloadByteCountMaximum) {
        precondition((0...FrameHeader.payloadByteCountMaximum).contains(payloadByteLimit))
        self.payloadByteLimit = payloadByteLimit
    }

    /// Which part of which frame is not whole yet: what a limit on a frame's time looks at.
    public struct Unfinished: Equatable, Sendable {
        /// Frames that began before it.
        public var frameIndex: Int
        /// Whether even the header is not whole.
        public var isHeader: Bool
    }

    /// Nil between frames. Meaningful once ``next()`` has said nil.
    public var unfinished: Unfinished? {
        if skipCount > 0 { return Unfinished(frameIndex: frameCount - 1, isHeader: false) }
        guard head < buffer.count else { return nil }
        return Unfinished(
            frameIndex: frameCount, isHeader: buffer.count - head < FrameHeader.byteCount)
    }

    /// Bytes held, consumed ones included.
    public var bufferedByteCount: Int { buffer.count }
    var capacity: Int { buffer.capacity }

    /// Takes what arrived; to be followed by ``next()`` until that says nil.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let skipped = min(skipCount, bytes.count)
        skipCount -= skipped
        compact()
        buffer.append(contentsOf: bytes[skipped...])
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// The next whole frame, or the header of the next oversized one; nil when more bytes are needed.
    public mutating func next() throws(Fault) -> Element? {
        guard skipCount == 0 else { return nil }
        if head == buffer.count {
            discardConsumed()
            return nil
        }
        guard buffer[head] == 0 else { throw .notTTRPC(firstByte: buffer[head]) }
        guard let header = buffer.withUnsafeBytes({ FrameHeader(.init(rebasing: $0[head...])) })
        else { return nil }
        let payloadStart = head + FrameHeader.byteCount
        if header.payloadByteCount > payloadByteLimit {
            let here = min(header.payloadByteCount, buffer.count - payloadStart)
            skipCount = header.payloadByteCount - here
            head = payloadStart + here
            frameCount += 1
            return .oversized(header)
        }
        let end = payloadStart + header.payloadByteCount
        guard end <= buffer.count else { return nil }
        head = end
        frameCount += 1
        return .frame(
            Frame(
                stream: header.stream, type: header.type, flags: header.flags,
                payload: Array(buffer[payloadStart..<end])))
    }

    /// Moves what is left to the front once it is the smaller part, so each byte moves at most once
    /// for each byte consumed: linear in all, however the input is cut.
    private mutating func compact() {
        if head == buffer.count {
            discardConsumed()
        } else if head > buffer.count - head {
            buffer.removeSubrange(..<head)
            head = 0
        }
    }

    private mutating func discardConsumed() {
        if buffer.capacity > Self.idleCapacityMaximum {
            buffer = []
        } else {
            buffer.removeAll(keepingCapacity: true)
        }
        head = 0
    }
}
