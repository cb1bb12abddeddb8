import Generation
import Wire

/// What a client sends, whole and in pieces: the server must say the same to both.
enum ServerFrames {
    static func run(_ input: inout ArraySlice<UInt8>) throws {
        let pieceByteCount = input.choice()
        let answers = input.choice()
        let whole = try Conversation(input.pieces(of: 0), answers: answers)
        let parts = try Conversation(input.pieces(of: pieceByteCount), answers: answers)
        try require(whole.happened == parts.happened, "cut in pieces it is answered otherwise")
    }

    /// Everything a connection did about some bytes.
    private struct Conversation {
        var happened: [[UInt8]] = []
        private var state = ServerConnectionState()

        init(_ pieces: [[UInt8]], answers: Int) throws {
            var isClosed = false
            for piece in pieces {
                state.receive(piece)
                while let action = state.nextAction(at: .zero) {
                    try require(!isClosed, "it goes on after its end")
                    switch action {
                    case .call(let call): try serve(call, answers)
                    case .refuse(let stream, let error):
                        try tell(ServerConnectionState.errorFrame(error, on: stream), on: stream)
                    case .close(let fault):
                        happened.append(Array("\(fault)".utf8))
                        isClosed = true
                    }
                    try require(
                        state.openStreamCount <= state.limits.openStreamCount, "too many streams")
                }
            }
        }

        /// Leaves one call in four open.
        private mutating func serve(_ call: ServerConnectionState.Call, _ answers: Int) throws {
            let entries = call.metadata.map { "\($0.key)=\($0.value)" }
            happened.append(
                Array("\(call.stream) \(String(describing: call.timeout)) \(entries)".utf8))
            happened.append(try call.request.packed())
            try require(state.isOpen(call.stream), "a call has no stream")
            switch (answers + happened.count) % 4 {
            case 0: return
            case 1:
                if case .ping(let payload) = call.request {
                    try tell(state.send(.pong(payload), on: call.stream), on: call.stream)
                }
            case 2 where call.request.method.isStreaming:
                try tell(state.finish(call.stream), on: call.stream)
            default:
                let error = GenerationError(.internal, code: "fuzzed", "Told to fail.")
                try tell(state.fail(call.stream, with: error), on: call.stream)
            }
        }

        private mutating func tell(_ bytes: [UInt8]?, on stream: StreamID) throws {
            guard let bytes else { throw Violation(description: "an open stream says nothing") }
            happened.append(bytes)
            var decoder = FrameDecoder()
            decoder.append(bytes)
            guard case .frame(let frame) = try decoder.next() else {
                throw Violation(description: "it says what is no frame")
            }
            try require(frame.stream == stream, "it answers on another stream")
            try require(decoder.unfinished == nil, "it says more than a frame")
        }
    }
}

/// What a server sends to a client with calls of two methods open.
enum ClientFrames {
    private static let requests: [CallRequest] = [
        .generate(GenerationRequest()), .submit(GenerationRequest()),
        .watch(jobID: nil, after: 0), .getJob("a"), .listJobs(JobFilter()),
        .cancelJob("a", .discard), .readImage(ImagePart(jobID: "a", imageIndex: 0)), .listModels,
        .getInfo, .getStats, .ping([1]), .checkHealth(service: ""),
    ]

    static func run(_ input: inout ArraySlice<UInt8>) throws {
        let pieceByteCount = input.choice()
        let request = requests[input.choice() % requests.count]
        let whole = try happenings(input.pieces(of: 0), request)
        let parts = try happenings(input.pieces(of: pieceByteCount), request)
        try require(whole == parts, "cut in pieces it is read otherwise")
    }

    /// Descriptions, since a number that is none equals nothing.
    private static func happenings(_ pieces: [[UInt8]], _ request: CallRequest) throws -> [String] {
        var state = ClientConnectionState()
        _ = try state.open(request)
        _ = try state.open(.ping([]))
        var happened: [String] = []
        for piece in pieces {
            state.receive(piece)
            while let action = state.nextAction() { happened.append("\(action)") }
        }
        try require(state.openStreams.count <= 2, "calls appear from nowhere")
        return happened
    }
}
