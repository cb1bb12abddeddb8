import Generation
import TestSupport
import Testing
import Wire

@Suite("The transcripts, byte for byte")
struct TranscriptTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var events: [Event] = []
        var failure: GenerationError?

        var server: SampleServer {
            var server = SampleServer()
            server.events = events
            server.failure = failure
            return server
        }

        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "ping"),
        Case(name: "health"),
        Case(name: "generate", events: Samples.events),
        Case(name: "error_before_start", failure: Samples.badHandoff),
        Case(
            name: "error_after_data", events: [Samples.events[0], Samples.events[2]],
            failure: Samples.badLatents),
        Case(name: "unknown_method"),
        Case(name: "message_in_data"),
        Case(name: "stream_ids"),
        Case(name: "oversize_request"),
        Case(name: "oversize_frame"),
    ]

    @Test("the server answers them as written, when they come whole", arguments: cases)
    func whole(_ testCase: Case) throws {
        let transcript = try Transcript(testCase.name)
        var server = testCase.server
        server.receive(transcript.bytes(fromClient: true))
        #expect(server.written == transcript.bytes(fromClient: false))
        #expect(server.state.openStreamCount == 0)
        #expect(server.state.unfinishedFrame == nil)
    }

    @Test("the server answers them as written, split in two at any byte", arguments: cases)
    func split(_ testCase: Case) throws {
        let transcript = try Transcript(testCase.name)
        let said = transcript.bytes(fromClient: true)
        let answer = transcript.bytes(fromClient: false)
        // Of a body of megabytes, its ends are enough.
        let points = said.count < 1000 ? Array(0...said.count) : Array(0..<60) + [said.count - 50]
        for point in points {
            var server = testCase.server
            server.receive(said[..<point])
            server.receive(said[point...])
            #expect(server.written == answer, "split at \(point)")
        }
    }

    @Test(
        "the server answers them as written, one byte at a time",
        arguments: cases.filter { !$0.name.hasPrefix("oversize") })
    func trickled(_ testCase: Case) throws {
        let transcript = try Transcript(testCase.name)
        var server = testCase.server
        for byte in transcript.bytes(fromClient: true) { server.receive([byte]) }
        #expect(server.written == transcript.bytes(fromClient: false))
    }

    @Test("the client says them as written")
    func clientWrites() throws {
        let requests: [(String, CallRequest)] = [
            ("ping", .ping(Array("hello".utf8))),
            ("health", .checkHealth(service: "refinery.v1.ImageGeneration")),
            ("generate", .generate(Samples.request)),
        ]
        for (name, request) in requests {
            var client = ClientConnectionState()
            let (stream, frame) = try client.open(request)
            #expect(stream == 1)
            #expect(frame == (try Transcript(name).bytes(fromClient: true)), "\(name)")
        }
    }

    @Test func `the client says and reads a conversation about tokens as written`() throws {
        let transcript = try Transcript("authenticate")
        let (alice, bob) = ("alice-0123456789", "bob-0123456789abcdef")
        let bearer = [MetadataEntry(key: "authorization", value: "Bearer \(bob)")]
        let hello = CallRequest.ping(Array("hello".utf8))
        var client = ClientConnectionState()
        let said = try [
            client.open(hello), client.open(.authenticate(token: "wrong-0123456789")),
            client.open(.authenticate(token: alice)), client.open(hello),
            client.open(hello, metadata: bearer),
        ].flatMap(\.frame)
        #expect(said == transcript.bytes(fromClient: true))

        client.receive(transcript.bytes(fromClient: false))
        var outcomes: [String] = []
        while let action = client.nextAction() {
            switch action {
            case .failed(let stream, let error):
                outcomes.append("\(stream.rawValue) \(error.status) \(error.code)")
            case .lastMessage(let stream, let reply):
                outcomes.append("\(stream.rawValue) \(reply)")
            default: outcomes.append("\(action)")
            }
        }
        #expect(
            outcomes == [
                "1 unauthenticated missingToken", "3 unauthenticated invalidToken",
                "5 \(CallReply.authenticated(tenant: "alice"))",
                "7 \(CallReply.pong(Array("hello".utf8)))",
                "9 \(CallReply.pong(Array("hello".utf8)))",
            ])
    }

    static let readings: [(name: String, request: CallRequest, [ClientConnectionState.Action])] = [
        (
            "ping", .ping(Array("hello".utf8)),
            [.lastMessage(1, .pong(Array("hello".utf8)))]
        ),
        ("health", .checkHealth(service: ""), [.lastMessage(1, .health(.serving))]),
        (
            "generate", .generate(Samples.request),
            Samples.events.map { .message(1, .event($0)) } + [.finished(1)]
        ),
        ("error_before_start", .generate(Samples.request), [.failed(1, Samples.badHandoff)]),
        (
            "error_after_data", .generate(Samples.request),
            [
                .message(1, .event(Samples.events[0])), .message(1, .event(Samples.events[2])),
                .failed(1, Samples.badLatents),
            ]
        ),
    ]

    @Test("the client reads them as meant, split in two at any byte", arguments: readings)
    func clientReads(
        _ name: String, _ request: CallRequest, _ expected: [ClientConnectionState.Action]
    ) throws {
        let answer = try Transcript(name).bytes(fromClient: false)
        for point in 0...answer.count {
            var client = ClientConnectionState()
            _ = try client.open(request)
            var actions: [ClientConnectionState.Action] = []
            for part in [answer[..<point], answer[point...]] {
                client.receive(Array(part))
                while let action = client.nextAction() { actions.append(action) }
            }
            #expect(actions == expected, "split at \(point)")
            #expect(client.openStreams.isEmpty)
        }
    }
}
