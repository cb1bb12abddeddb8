import Generation

/// Where pictures are made: a server, or this process. Both report the same events.
protocol PictureSource: Sendable {
    /// The events of one request, ended by its last image. When the consuming task is cancelled, or
    /// the stream dropped, the job is cancelled.
    ///
    /// Refusals and failures are thrown as `GenerationError`, at once or by the stream; when a server
    /// is out of reach, the stream throws `ClientError`.
    func events(of request: GenerationRequest) async throws -> AsyncThrowingStream<Event, any Error>

    /// Takes a PNG file for requests to name.
    ///
    /// - Returns: its name, for `seedImage` and `maskImage`.
    func add(picture file: [UInt8]) async throws -> String

    /// In the order to show them.
    func models() async throws -> [ModelDescription]

    /// Closes connections, ends threads, writes what is still to be written.
    func close() async throws
}
