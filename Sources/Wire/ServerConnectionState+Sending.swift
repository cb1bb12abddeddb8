public import Generation

// What the server says. Each method gives one whole frame to write, or nil when the stream is not
// open: a job may report once more after its stream was ended.
extension ServerConnectionState {
    /// A unary call's reply, which ends its stream, or one message of a streaming call's.
    ///
    /// A message that does not fit a frame ends the stream with RESOURCE_EXHAUSTED instead; check
    /// ``isOpen(_:)`` where that can be.
    public mutating func send(_ reply: CallReply, on stream: StreamID) -> [UInt8]? {
        guard let method = method(on: stream) else { return nil }
        precondition(reply.answers(method), "this does not answer \(method)")
        let frame =
            if method.isStreaming {
                Self.dataFrame(reply, on: stream)
            } else {
                Self.responseFrame(reply, on: stream)
            }
        guard let frame else { return fail(stream, with: .replyTooLarge) }
        if !method.isStreaming { streams[stream] = nil }
        return frame
    }

    /// The good end of a streaming call: one empty Data with flags 0x05, the only ending that Go and
    /// Rust clients both read cleanly.
    public mutating func finish(_ stream: StreamID) -> [UInt8]? {
        guard let method = method(on: stream) else { return nil }
        precondition(method.isStreaming, "\(method) ends with its reply")
        streams[stream] = nil
        return Frame(stream: stream, type: .data, flags: [.remoteClosed, .noData]).encoded()
    }

    /// The bad end of any call, also after Data.
    public mutating func fail(_ stream: StreamID, with error: GenerationError) -> [UInt8]? {
        guard streams.removeValue(forKey: stream) != nil else { return nil }
        return Self.errorFrame(error, on: stream)
    }

    private func method(on stream: StreamID) -> Method? {
        guard case .serving(let method) = streams[stream] else { return nil }
        return method
    }
}
