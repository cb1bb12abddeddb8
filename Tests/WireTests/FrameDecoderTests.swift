import Testing

@testable import Wire

@Suite("Frames")
struct FrameDecoderTests {
    static let frames = [
        Frame(stream: 1, type: .request, flags: .remoteClosed, payload: Array("abc".utf8)),
        Frame(stream: 0xFFFF_FFFF, type: .data, flags: [.remoteClosed, .noData]),
        Frame(stream: 3, type: FrameType(rawValue: 0xEE), flags: FrameFlags(rawValue: 0xF8)),
        Frame(stream: 2, type: .response, payload: Array(repeating: 7, count: 300)),
    ]

    static func all(_ decoder: inout FrameDecoder) throws -> [FrameDecoder.Element] {
        var elements: [FrameDecoder.Element] = []
        while let element = try decoder.next() { elements.append(element) }
        return elements
    }

    @Test func `a frame is ten bytes of header and its payload`() {
        #expect(
            Frame(stream: 0x0102_0304, type: .data, flags: .noData, payload: [9, 8]).encoded()
                == [0, 0, 0, 2, 1, 2, 3, 4, 3, 4, 9, 8])
    }

    @Test func `frames come out as they went in, in pieces of any size`() throws {
        let bytes = Self.frames.flatMap { $0.encoded() }
        for size in 1...bytes.count {
            var decoder = FrameDecoder()
            var elements: [FrameDecoder.Element] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                decoder.append(Array(bytes[start..<min(start + size, bytes.count)]))
                elements += try Self.all(&decoder)
            }
            #expect(elements == Self.frames.map { .frame($0) }, "pieces of \(size)")
            #expect(decoder.unfinished == nil)
        }
    }

    @Test func `a payload of just the limit is taken, one byte more is skipped`() throws {
        for (count, isTaken) in [(99, true), (100, true), (101, false)] {
            var decoder = FrameDecoder(payloadByteLimit: 100)
            let frame = Frame(
                stream: 5, type: .data, payload: Array(repeating: 1, count: count))
            decoder.append(frame.encoded() + Self.frames[0].encoded())
            let first = try decoder.next()
            let header = FrameHeader(
                payloadByteCount: count, stream: 5, type: .data, flags: [])
            #expect(first == (isTaken ? .frame(frame) : .oversized(header)))
            #expect(try decoder.next() == .frame(Self.frames[0]))
        }
    }

    @Test(arguments: [FrameHeader.payloadByteCountMaximum + 1, (16 << 20) - 1])
    func `an oversized frame is reported by its header and never buffered`(count: Int) throws {
        var decoder = FrameDecoder()
        let length = withUnsafeBytes(of: UInt32(count).bigEndian, Array.init)
        decoder.append(length + [0, 0, 0, 7, 1, 0])
        #expect(
            try decoder.next()
                == .oversized(
                    FrameHeader(payloadByteCount: count, stream: 7, type: .request, flags: [])))
        let piece = [UInt8](repeating: 0xFF, count: 65536)
        var rest = count
        while rest > 0 {
            #expect(decoder.unfinished == FrameDecoder.Unfinished(frameIndex: 0, isHeader: false))
            decoder.append(Array(piece.prefix(rest)))
            rest -= min(rest, piece.count)
            #expect(try decoder.next() == nil)
            #expect(decoder.bufferedByteCount == 0)
        }
        decoder.append(Self.frames[0].encoded())
        #expect(try decoder.next() == .frame(Self.frames[0]))
    }

    @Test(arguments: [
        [0xFF, 0xFF, 0xFF, 0xFF], [0x16, 0x03, 0x01], Array("GET / HTTP".utf8), [1],
    ])
    func `what does not begin with 0 is no ttrpc`(bytes: [UInt8]) throws {
        var decoder = FrameDecoder()
        decoder.append(Self.frames[0].encoded() + bytes)
        #expect(try decoder.next() == .frame(Self.frames[0]))
        #expect(throws: FrameDecoder.Fault.notTTRPC(firstByte: bytes[0])) { try decoder.next() }
    }

    @Test func `what is unfinished is told by frame and part, while it lasts`() throws {
        var decoder = FrameDecoder()
        for index in 0..<3 {
            let bytes = Frame(stream: 1, type: .data, payload: [1, 2]).encoded()
            for (count, byte) in bytes.enumerated() {
                decoder.append([byte])
                let isWhole = count == bytes.count - 1
                #expect(try decoder.next() != nil || !isWhole)
                let unfinished = FrameDecoder.Unfinished(
                    frameIndex: index, isHeader: count < FrameHeader.byteCount - 1)
                #expect(decoder.unfinished == (isWhole ? nil : unfinished))
            }
        }
    }

    @Test func `an idle decoder holds little, also after a large frame`() throws {
        var decoder = FrameDecoder()
        decoder.append(
            Frame(stream: 1, type: .data, payload: Array(repeating: 1, count: 4 << 20)).encoded())
        #expect(try decoder.next() != nil)
        #expect(try decoder.next() == nil)
        #expect(decoder.capacity <= 4096)
    }

    @Test func `many frames in one piece and a tail are read without moving them each time`() throws
    {
        // 40,000 frames of 11 bytes: quadratic moving would be 9 GB of memmove.
        let frame = Frame(stream: 1, type: .data, payload: [1])
        let bytes = Array(repeatElement(frame.encoded(), count: 40_000).joined())
        var decoder = FrameDecoder()
        decoder.append(Array(bytes.dropLast()))
        #expect(try Self.all(&decoder).count == 39_999)
        decoder.append([1])
        #expect(try Self.all(&decoder) == [.frame(frame)])
        #expect(decoder.bufferedByteCount < 64)
    }
}
