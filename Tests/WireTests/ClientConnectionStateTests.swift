import Generation
import TestSupport
import Testing
import Wire

@Suite("A client's connection")
struct ClientConnectionStateTests {
    static func actions(
        _ client: inout ClientConnectionState, _ frames: Frame...
    ) -> [ClientConnectionState.Action] {
        for frame in frames { client.receive(frame.encoded()) }
        var actions: [ClientConnectionState.Action] = []
        while let action = client.nextAction() { actions.append(action) }
        return actions
    }

    static func opened(_ request: CallRequest) throws -> ClientConnectionState {
        var client = ClientConnectionState()
        _ = try client.open(request)
        return client
    }

    static let generate = CallRequest.generate(GenerationRequest())

    @Test func `ids are odd and rise`() throws {
        var client = ClientConnectionState()
        let ids = try (0..<5).map { _ in try client.open(.getInfo).stream.rawValue }
        #expect(ids == [1, 3, 5, 7, 9])
    }

    @Test func `a server reads what a client writes, timeout and metadata included`() throws {
        var client = ClientConnectionState()
        let metadata = [MetadataEntry(key: "authorization", value: "Bearer x")]
        let (stream, frame) = try client.open(
            .generate(Samples.request), timeout: .seconds(5), metadata: metadata)
        var server = ServerConnectionState()
        server.receive(frame)
        #expect(
            server.nextAction(at: .zero)
                == .call(
                    .init(
                        stream: stream, request: .generate(Samples.request), timeout: .seconds(5),
                        metadata: metadata)))
    }

    @Test func `frames of other streams are ignored, and of a forgotten one`() throws {
        var client = try Self.opened(.ping([]))
        #expect(Self.actions(&client, Frame(stream: 3, type: .response)).isEmpty)
        #expect(Self.actions(&client, Frame(stream: 1, type: .request)).isEmpty)
        client.forget(1)
        #expect(Self.actions(&client, Frame(stream: 1, type: .response)).isEmpty)
    }

    @Test func `a missing status is OK`() throws {
        var client = try Self.opened(.ping([]))
        #expect(
            Self.actions(&client, Frame(stream: 1, type: .response)) == [.lastMessage(1, .pong([]))]
        )
    }

    @Test func `a streaming call may also end with Response OK, or a message in its last frame`()
        throws
    {
        var client = try Self.opened(Self.generate)
        #expect(Self.actions(&client, Frame(stream: 1, type: .response)) == [.finished(1)])
        client = try Self.opened(Self.generate)
        var server = SampleServer()
        server.receive(try Transcript("generate").bytes(fromClient: true))
        let event = Samples.events[1]
        let message = CallReply.event(event).packed()
        #expect(
            Self.actions(
                &client, Frame(stream: 1, type: .data, flags: .remoteClosed, payload: message))
                == [.lastMessage(1, .event(event))])
    }

    static let unreadable: [(String, CallRequest, Frame)] = [
        ("a broken Response", .ping([]), Frame(stream: 1, type: .response, payload: [0x0A])),
        ("a broken event", generate, Frame(stream: 1, type: .data, payload: [0x0A])),
        ("an event without content", generate, Frame(stream: 1, type: .data)),
        (
            "an unknown phase", generate,
            Frame(
                stream: 1, type: .data,
                payload: Bytes.bytes(field: 6, Bytes.varint(field: 1, 99)))
        ),
        (
            "a unary reply that ends without a message", .ping([]),
            Frame(stream: 1, type: .data, flags: [.remoteClosed, .noData])
        ),
    ]

    @Test("a reply that cannot be read ends its call with INTERNAL", arguments: unreadable)
    func malformedReply(_ what: String, _ request: CallRequest, _ frame: Frame) throws {
        var client = try Self.opened(request)
        let actions = Self.actions(&client, frame)
        guard case .failed(1, let error)? = actions.first, actions.count == 1 else {
            Issue.record("\(what): \(actions)")
            return
        }
        #expect(error.code == "malformedReply" || error.status == .invalidArgument, "\(error)")
        #expect(client.openStreams.isEmpty)
    }

    @Test func `an error of another server keeps its code and words`() throws {
        let status =
            Bytes.varint(field: 1, 14) + Bytes.text(field: 2, "gone")
            + Bytes.bytes(
                field: 3, Bytes.text(field: 1, "type.googleapis.com/google.rpc.RetryInfo"))
        var client = try Self.opened(Self.generate)
        let response = Frame(stream: 1, type: .response, payload: Bytes.bytes(field: 1, status))
        #expect(
            Self.actions(&client, response)
                == [.failed(1, GenerationError(.unavailable, code: "", "gone"))])
    }

    @Test(arguments: [-1, 17, 99])
    func `a status code outside gRPC's is UNKNOWN`(code: Int64) throws {
        let status = Bytes.varint(field: 1, UInt64(bitPattern: code))
        var client = try Self.opened(Self.generate)
        let response = Frame(stream: 1, type: .response, payload: Bytes.bytes(field: 1, status))
        #expect(
            Self.actions(&client, response)
                == [.failed(1, GenerationError(.unknown, code: "", ""))])
    }

    @Test func `an event of a kind from the future is passed over`() throws {
        var client = try Self.opened(Self.generate)
        let event = Frame(stream: 1, type: .data, payload: Bytes.bytes(field: 99, [1, 2]))
        #expect(Self.actions(&client, event).isEmpty)
        let end = Frame(stream: 1, type: .data, flags: .remoteClosed, payload: event.payload)
        #expect(Self.actions(&client, end) == [.finished(1)])
    }

    @Test func `what is no ttrpc ends everything`() throws {
        var client = try Self.opened(Self.generate)
        client.receive(Array("HTTP/1.1 400".utf8))
        #expect(client.nextAction() == .close(.notTTRPC(firstByte: 0x48)))
        #expect(client.nextAction() == nil)
        #expect(client.openStreams.isEmpty)
    }

    @Test func `a number that its field cannot hold is refused before it is sent`() {
        var client = ClientConnectionState()
        var request = GenerationRequest()
        request.cropTopLeft = ImagePoint(top: -5, left: 0)
        #expect(throws: GenerationError.self) { try client.open(.generate(request)) }
        #expect(client.openStreams.isEmpty)
    }
}
