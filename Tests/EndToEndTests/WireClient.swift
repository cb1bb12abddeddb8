import Generation
import TestSupport
import Wire

/// A blocking client that sees every frame: what was sent is in its hands, byte for byte.
struct WireClient {
    let socket: RawSocket
    private var state = ClientConnectionState()
    private var frames = FrameDecoder()

    init(_ socket: RawSocket) { self.socket = socket }

    init(port: UInt16) throws { self.init(try RawSocket(port: port)) }

    struct Ended: Error {}

    // MARK: Calls

    mutating func send(
        _ request: CallRequest, timeout: Duration? = nil, metadata: [MetadataEntry] = []
    ) throws -> StreamID {
        let (stream, frame) = try state.open(request, timeout: timeout, metadata: metadata)
        try socket.write(frame)
        return stream
    }

    /// The frame of a call, and the stream it will be on, unsent.
    mutating func frame(
        of request: CallRequest, timeout: Duration? = nil
    ) throws -> (stream: StreamID, frame: [UInt8]) {
        try state.open(request, timeout: timeout)
    }

    /// The next thing that happened to any call; nil at the end of the connection.
    mutating func nextAction() throws -> ClientConnectionState.Action? {
        while true {
            if let action = state.nextAction() { return action }
            let bytes = try socket.readSome()
            if bytes.isEmpty { return nil }
            state.receive(bytes)
        }
    }

    /// The reply to a unary call, with no other call open.
    mutating func call(
        _ request: CallRequest, metadata: [MetadataEntry] = []
    ) throws -> CallReply {
        let stream = try send(request, metadata: metadata)
        switch try nextAction() {
        case .lastMessage(stream, let reply): return reply
        case .failed(stream, let error): throw error
        default: throw Ended()
        }
    }

    /// The next event of the only open call.
    mutating func nextEvent() throws -> Event {
        switch try nextAction() {
        case .message(_, .event(let event)): return event
        case .failed(_, let error): throw error
        default: throw Ended()
        }
    }

    /// Every event up to the end of the only open call; throws the error it ends with.
    mutating func remainingEvents() throws -> [Event] {
        var events: [Event] = []
        while true {
            switch try nextAction() {
            case .message(_, .event(let event)): events.append(event)
            case .finished: return events
            case .failed(_, let error): throw error
            default: throw Ended()
            }
        }
    }

    // MARK: Frames, instead of calls

    /// The next frame as it travelled; not to be mixed with the calls above.
    mutating func nextFrame() throws -> Frame? {
        while true {
            if case .frame(let frame) = try frames.next() { return frame }
            let bytes = try socket.readSome()
            if bytes.isEmpty { return nil }
            frames.append(bytes)
        }
    }
}
