import Generation
import Testing
import Wire

@Suite("A server's connection")
struct ServerConnectionStateTests {
    typealias Action = ServerConnectionState.Action

    static let ping = Bytes.request(.ping)
    static let generate = Bytes.request(
        .generate, payload: Bytes.text(field: 2, "a lake"))

    static let lake: CallRequest = {
        var request = GenerationRequest()
        request.positivePrompt = "a lake"
        return .generate(request)
    }()

    static func frame(
        _ stream: UInt32, _ type: FrameType, _ payload: [UInt8] = [], _ flags: FrameFlags = []
    ) -> Frame {
        Frame(stream: StreamID(rawValue: stream), type: type, flags: flags, payload: payload)
    }

    /// What `state` does about `frame`; nil when nothing.
    static func action(
        _ state: inout ServerConnectionState, _ frame: Frame, at now: Duration = .zero
    ) -> Action? {
        state.receive(frame.encoded())
        return state.nextAction(at: now)
    }

    /// The code of the refusal that `action` is, on that stream.
    static func refusal(_ action: Action?, on stream: StreamID) -> StatusCode? {
        guard case .refuse(stream, let error) = action else { return nil }
        return error.status
    }

    static func call(_ stream: StreamID, _ request: CallRequest) -> Action {
        .call(ServerConnectionState.Call(stream: stream, request: request))
    }

    @Test func `a hundred requests in one write are all answered, each on its id`() {
        var server = SampleServer()
        let ids = (0..<100).map { UInt32(2 * $0 + 1) }
        server.receive(ids.flatMap { Self.frame($0, .request, Self.ping).encoded() })
        let answers = ids.flatMap { Self.frame($0, .response).encoded() }
        #expect(server.written == answers)
        #expect(server.calls.count == 100)
    }

    @Test(arguments: [0, 2, 0xFFFF_FFFE] as [UInt32])
    func `an even id is refused on that id`(id: UInt32) {
        var state = ServerConnectionState()
        let action = Self.action(&state, Self.frame(id, .request, Self.ping))
        #expect(Self.refusal(action, on: StreamID(rawValue: id)) == .invalidArgument)
        #expect(Self.action(&state, Self.frame(1, .request, Self.ping)) == Self.call(1, .ping([])))
    }

    @Test func `an id that is open is refused, and the open stream goes on`() {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.generate, .remoteClosed))
        let action = Self.action(&state, Self.frame(1, .request, Self.generate, .remoteClosed))
        #expect(Self.refusal(action, on: 1) == .invalidArgument)
        #expect(state.send(.event(Samples.events[0]), on: 1) != nil)
        #expect(state.finish(1) != nil)
    }

    @Test func `ids may come in any order, and again once their stream has ended`() {
        var state = ServerConnectionState()
        for id in [7, 3, 5, 1, 3] as [UInt32] {
            let stream = StreamID(rawValue: id)
            let action = Self.action(&state, Self.frame(id, .request, Self.ping))
            #expect(action == Self.call(stream, .ping([])))
            #expect(state.send(.pong([]), on: stream) != nil)
        }
    }

    @Test(arguments: [0, 2, 4, 99] as [UInt8])
    func `a type that is not a client's is ignored, of any size`(type: UInt8) {
        var state = ServerConnectionState()
        for size in [0, 10, 1 << 20] {
            let frame = Self.frame(
                1, FrameType(rawValue: type), Array(repeating: 1, count: size))
            #expect(Self.action(&state, frame) == nil)
        }
        #expect(Self.action(&state, Self.frame(1, .request, Self.ping)) == Self.call(1, .ping([])))
    }

    @Test func `unknown flags are ignored`() {
        var state = ServerConnectionState()
        let frame = Self.frame(1, .request, Self.ping, FrameFlags(rawValue: 0xF8))
        #expect(Self.action(&state, frame) == Self.call(1, .ping([])))
    }

    @Test func `a zero-length Request names no method`() {
        var state = ServerConnectionState()
        #expect(Self.refusal(Self.action(&state, Self.frame(1, .request)), on: 1) == .unimplemented)
        #expect(state.openStreamCount == 0)
    }

    @Test func `long names are cut to 128 bytes where they are repeated`() throws {
        var state = ServerConnectionState()
        let names = Bytes.request(
            String(repeating: "s", count: 1000), String(repeating: "ä", count: 1000))
        let action = try #require(Self.action(&state, Self.frame(1, .request, names)))
        guard case .refuse(1, let error) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(error.status == .unimplemented)
        #expect(error.message.contains(String(repeating: "s", count: 128) + "/"))
        #expect(!error.message.contains(String(repeating: "s", count: 129)))
        #expect(error.message.utf8.count < 400)
    }

    static let malformed: [(String, [UInt8])] = [
        ("a cut length", [0x0A]),
        ("a text over the end", [0x0A, 0x05, 0x61]),
        ("a group", [0x0B, 0x0C]),
        ("field 0", [0x00, 0x00]),
        ("an endless varint", Array(repeating: 0xFF, count: 30)),
        ("a number for the service", [0x08, 0x01]),
        ("a service that is not UTF-8", [0x0A, 0x01, 0xFF]),
        ("a NUL in the method", Bytes.request("refinery.v1.Server", "Ping\0")),
        ("a list that is cut", Bytes.request(.ping, more: [0x2A, 0x02, 0x0A])),
    ]

    @Test("a Request that is no such message is refused", arguments: malformed)
    func malformedRequest(_ what: String, _ payload: [UInt8]) {
        var state = ServerConnectionState()
        let action = Self.action(&state, Self.frame(1, .request, payload))
        #expect(Self.refusal(action, on: 1) == .invalidArgument)
        #expect(Self.action(&state, Self.frame(3, .request, Self.ping)) == Self.call(3, .ping([])))
    }

    static let sizes: [(Int, StatusCode?)] = [
        (65536, nil), (65537, .resourceExhausted), (1 << 20, .resourceExhausted),
    ]

    @Test(arguments: sizes)
    func `a request may have 64 KiB`(count: Int, refusal: StatusCode?) {
        var state = ServerConnectionState()
        let around = Bytes.request(.ping).count + 4 + 4
        let ping = Bytes.bytes(field: 1, Array(repeating: 0x55, count: count - around))
        let payload = Bytes.request(.ping, payload: ping)
        #expect(payload.count == count)
        let action = Self.action(&state, Self.frame(1, .request, payload))
        #expect(Self.refusal(action, on: 1) == refusal)
        #expect(state.openStreamCount == (refusal == nil ? 1 : 0))
    }

    @Test(
        arguments: [
            (65537, nil), (1 << 20, nil), (1 << 20 + 1, .resourceExhausted),
        ] as [(Int, StatusCode?)])
    func `a piece of a picture may have 1 MiB`(count: Int, refusal: StatusCode?) throws {
        var state = ServerConnectionState()
        var piece = PicturePiece(
            data: [], offset: 0, total: 1, sha256: [UInt8](repeating: 1, count: 32))
        func payload() throws -> [UInt8] {
            Bytes.request(.uploadImage, payload: try CallRequest.uploadImage(piece).packed())
        }
        // Three bytes more for each length, and one for the field's tag.
        piece.data = [UInt8](repeating: 0x55, count: count - (try payload().count) - 10)
        while try payload().count < count { piece.data.append(0x55) }
        let whole = try payload()
        #expect(whole.count == count)
        let action = Self.action(&state, Self.frame(1, .request, whole))
        #expect(Self.refusal(action, on: 1) == refusal)
        // The same in a Data frame of its own, where there is no envelope.
        _ = Self.action(
            &state, Self.frame(3, .request, Bytes.request(.uploadImage), .remoteOpen))
        let message = try CallRequest.uploadImage(piece).packed()
        let answer = Self.action(&state, Self.frame(3, .data, message))
        #expect(
            answer == .call(ServerConnectionState.Call(stream: 3, request: .uploadImage(piece))))
    }

    @Test func `a connection may have so many open calls, and no more`() {
        var state = ServerConnectionState()
        for index in 0..<UInt32(state.limits.openStreamCount) {
            let action = Self.action(&state, Self.frame(2 * index + 1, .request, Self.ping))
            #expect(action == Self.call(StreamID(rawValue: 2 * index + 1), .ping([])))
        }
        let action = Self.action(&state, Self.frame(999, .request, Self.ping))
        #expect(Self.refusal(action, on: 999) == .resourceExhausted)
        #expect(state.send(.pong([]), on: 1) != nil)
        #expect(
            Self.action(&state, Self.frame(999, .request, Self.ping)) == Self.call(999, .ping([])))
    }

    @Test func `a negative timeout is over before it begins`() {
        var state = ServerConnectionState()
        let request = Bytes.request(
            .ping, more: Bytes.varint(field: 4, UInt64(bitPattern: -1)))
        let action = Self.action(&state, Self.frame(1, .request, request))
        #expect(Self.refusal(action, on: 1) == .deadlineExceeded)
    }

    static let timeouts: [(Int64, Duration?)] = [
        (0, nil), (1, .nanoseconds(1)), (.max, .nanoseconds(Int64.max)),
    ]

    @Test(arguments: timeouts)
    func `a timeout is passed on, 0 as none`(nanoseconds: Int64, timeout: Duration?) {
        var state = ServerConnectionState()
        let request = Bytes.request(
            .ping, more: Bytes.varint(field: 4, UInt64(bitPattern: nanoseconds)))
        #expect(
            Self.action(&state, Self.frame(1, .request, request))
                == .call(.init(stream: 1, request: .ping([]), timeout: timeout)))
    }

    @Test func `metadata is passed on in order, repeats included`() {
        var state = ServerConnectionState()
        let entries = ["1", "2"].map { MetadataEntry(key: "a", value: $0) }
        let request = Bytes.request(
            .ping,
            more: entries.flatMap {
                Bytes.bytes(
                    field: 5, Bytes.text(field: 1, $0.key) + Bytes.text(field: 2, $0.value))
            })
        #expect(
            Self.action(&state, Self.frame(1, .request, request))
                == .call(.init(stream: 1, request: .ping([]), metadata: entries)))
    }

    // Client streaming: how Go and Rust open such calls, and bytes together with the half-close.
    static let openings: [(String, [Frame])] = [
        ("Go", [frame(1, .data, [], []), frame(1, .data, [], [.remoteClosed, .noData])]),
        (
            "a message with the half-close",
            [frame(1, .data, Bytes.bytes(field: 1, []), .remoteClosed)]
        ),
        ("no data yet, then the message", [frame(1, .data, [], .noData), frame(1, .data)]),
    ]

    @Test("a message may come in Data after a Request with flag 0x02", arguments: openings)
    func messageInData(_ name: String, _ frames: [Frame]) {
        for flags in [.remoteOpen, [.remoteOpen, .noData]] as [FrameFlags] {
            var state = ServerConnectionState()
            #expect(Self.action(&state, Self.frame(1, .request, Self.ping, flags)) == nil)
            #expect(state.openStreamCount == 1)
            let actions = frames.compactMap { Self.action(&state, $0) }
            #expect(actions == [Self.call(1, .ping([]))])
        }
    }

    @Test func `Data with bytes and flag 0x01 is a message`() {
        var state = ServerConnectionState()
        let opening = Bytes.request(.generate)
        #expect(Self.action(&state, Self.frame(1, .request, opening, .remoteOpen)) == nil)
        let message = Bytes.text(field: 2, "a lake")
        #expect(
            Self.action(&state, Self.frame(1, .data, message, .remoteClosed))
                == Self.call(1, Self.lake))
    }

    @Test func `a client that closes before its message is refused`() {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.ping, .remoteOpen))
        let action = Self.action(&state, Self.frame(1, .data, [], [.remoteClosed, .noData]))
        #expect(Self.refusal(action, on: 1) == .invalidArgument)
        #expect(state.openStreamCount == 0)
    }

    @Test func `an oversized message in Data costs its stream`() {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.ping, .remoteOpen))
        let action = Self.action(
            &state, Self.frame(1, .data, Array(repeating: 0, count: 65537)))
        #expect(Self.refusal(action, on: 1) == .resourceExhausted)
        #expect(state.openStreamCount == 0)
    }

    @Test func `a half-close of a stream that has its message says nothing new`() {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.generate, .remoteClosed))
        let close = Self.frame(1, .data, [], [.remoteClosed, .noData])
        #expect(Self.action(&state, close) == nil)
        #expect(state.isOpen(1))
    }

    @Test func `a half-close that comes after the answer is passed over`() {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.ping))
        #expect(state.send(.pong([]), on: 1) != nil)
        for flags in [.remoteClosed, [.remoteClosed, .noData]] as [FrameFlags] {
            #expect(Self.action(&state, Self.frame(1, .data, [], flags)) == nil)
        }
        // With bytes, or without the flag, it is Data that nothing waits for.
        let bytes = Self.action(&state, Self.frame(1, .data, [1], .remoteClosed))
        #expect(Self.refusal(bytes, on: 1) == .invalidArgument)
        let empty = Self.action(&state, Self.frame(1, .data))
        #expect(Self.refusal(empty, on: 1) == .invalidArgument)
    }

    @Test func `Data that nothing waits for is answered ten times a second`() {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.generate, .remoteClosed))
        for second in 0..<3 {
            var answers = 0
            for index in 0..<50 {
                // Unknown, even, and one that has its message; small and oversized.
                let stream = [99, 4, 1][index % 3] as UInt32
                let frame = Self.frame(
                    stream, .data, Array(repeating: 1, count: index == 7 ? 65537 : 1))
                let action = Self.action(
                    &state, frame, at: .seconds(second) + .milliseconds(index))
                if action != nil {
                    #expect(
                        Self.refusal(action, on: StreamID(rawValue: stream)) == .invalidArgument)
                    answers += 1
                }
            }
            #expect(answers == state.limits.strayDataAnswersPerSecond)
        }
        #expect(state.isOpen(1))
    }

    @Test func `what is no ttrpc closes the connection, and nothing is read after it`() {
        var state = ServerConnectionState()
        state.receive(Self.frame(1, .request, Self.ping).encoded() + Array("GET /".utf8))
        #expect(state.nextAction(at: .zero) == Self.call(1, .ping([])))
        #expect(state.nextAction(at: .zero) == .close(.notTTRPC(firstByte: 0x47)))
        state.receive(Self.frame(3, .request, Self.ping).encoded())
        #expect(state.nextAction(at: .zero) == nil)
    }

    @Test func `a stream ends once, and says nothing after its end`() {
        for fails in [false, true] {
            var state = ServerConnectionState()
            func end() -> [UInt8]? {
                fails ? state.fail(1, with: Samples.badLatents) : state.finish(1)
            }
            #expect(end() == nil)
            _ = Self.action(&state, Self.frame(1, .request, Self.generate, .remoteClosed))
            #expect(end() != nil)
            let event = state.send(.event(Samples.events[0]), on: 1)
            #expect(event == nil)
            #expect(end() == nil)
        }
    }

    @Test func `a picture over a frame's size ends its stream with RESOURCE_EXHAUSTED`() throws {
        var state = ServerConnectionState()
        _ = Self.action(&state, Self.frame(1, .request, Self.generate, .remoteClosed))
        var client = ClientConnectionState()
        _ = try client.open(Self.lake)
        for (count, isSent) in [(4_000_000, true), (4 << 20, false)] {
            let image = Event.Image(
                png: Array(repeating: 1, count: count), size: ImageSize(height: 8, width: 8),
                seed: 0, sha256: [], imageIndex: 0, imageCount: 1, summary: nil)
            let event = Samples.event(1, .image(image))
            client.receive(state.send(.event(event), on: 1) ?? [])
            #expect(state.isOpen(1) == isSent)
            let action = client.nextAction()
            if isSent {
                #expect(action == .message(1, .event(event)))
            } else if case .failed(1, let error) = action {
                #expect(error.status == .resourceExhausted)
            } else {
                Issue.record("the client saw something else than an error")
            }
        }
    }
}
