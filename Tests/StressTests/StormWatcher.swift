import Generation
import TestSupport
import Wire

/// A connection that watches one job.
struct StormWatcher {
    private let socket: RawSocket
    private var state = ClientConnectionState()

    struct End: Equatable {
        var pictures = 0
        var last: [UInt8] = []
        var status = StatusCode.unknown
    }

    init(of jobID: String, port: UInt16) throws {
        socket = try RawSocket(port: port)
        try socket.write(state.open(.watch(jobID: jobID, after: 0)).frame)
    }

    /// All there is to hear, to the end of the stream; then the connection is closed.
    mutating func readToEnd() throws -> End {
        defer { socket.close() }
        var end = End()
        while true {
            let bytes = try socket.readSome()
            guard !bytes.isEmpty else { return end }
            state.receive(bytes)
            while let action = state.nextAction() {
                switch action {
                case .message(_, .event(let event)):
                    guard case .image(let image) = event.content else { continue }
                    end.pictures += 1
                    end.last = image.png
                case .finished: end.status = .ok
                case .failed(_, let error): end.status = error.status
                default: break
                }
                if end.status != .unknown { return end }
            }
        }
    }
}
