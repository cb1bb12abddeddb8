public import Generation
internal import Transport
public import Wire

/// A client of a Refinery server. Start here; `Proto/PROTOCOL.md` tells what travels.
///
///     let client = try RefineryClient("127.0.0.1:7420")
///     defer { client.close() }
///     for try await event in client.generate(request) { … }
///
/// Connections are made when a call needs one: the short calls share one, each Generate has its own,
/// since closing it is how a Generate is cancelled. What the server refuses is thrown as a
/// `GenerationError`, what keeps it from answering as a ``ClientError``. Any task may call.
public final class RefineryClient: Sendable {
    public struct Options: Sendable {
        public var connectTimeout = Duration.seconds(10)
        /// A call ends with ``ClientError/silent(_:)`` when nothing is heard for this long. A server
        /// at work says something every 10 seconds.
        public var silenceLimit = Duration.seconds(60)
        /// Goes with each call, for a server that tells its callers apart.
        public var token: String?
        /// How long a server that was lost is tried again before events end with the loss; they then go
        /// on where they broke off. Zero is not at all.
        public var reconnectLimit = Duration.seconds(60)
        /// How long a call is made again that the server refuses for now (its queue is full, too many calls, it
        /// is stopping), never sooner than it asks. Zero is not at all.
        public var retryLimit = Duration.zero
        /// What has come is left in the kernel for this long after each read, as by a slow reader: to try
        /// how a server bears one. Nil reads at once.
        public var readInterval: Duration?

        public init(token: String? = nil) {
            self.token = token
        }
    }

    private let address: SocketAddress
    private let options: Options
    private let loop: EventLoop
    /// The short calls' connection, and the streams of events.
    private let shared: LoopBound<Shared>

    private final class Shared {
        var channel: Channel?
        /// Those that someone listens to.
        var feeds: [ObjectIdentifier: EventFeed] = [:]
    }

    /// - Parameter address: `127.0.0.1:7420`, `[::1]:7420`, `localhost:7420` or `unix:/path`.
    /// - Throws: ``ClientError/invalidAddress(_:)``. Nothing is connected yet.
    public init(_ address: String, options: Options = Options()) throws(ClientError) {
        do throws(TransportError) {
            self.address = try SocketAddress(address)
            loop = try EventLoop(name: "refinery-client")
        } catch {
            throw ClientError(connecting: error)
        }
        self.options = options
        shared = LoopBound(Shared(), to: loop)
    }

    deinit {
        // Perhaps on the loop's own thread, which cannot wait for itself.
        let loop = loop
        Task.detached { loop.stop() }
    }

    /// Makes pictures. The last event is the `Image` that completes the job.
    ///
    /// Ending the iteration or cancelling its task cancels the job, unless the request says detach. A
    /// detached job outlives a lost connection, and any job a restart of a server that keeps jobs: the
    /// events then go on. They wait in memory until they are taken; a job has at most 20 pictures.
    /// - Parameter timeout: after which the server ends the job with DEADLINE_EXCEEDED.
    public func generate(
        _ request: GenerationRequest, timeout: Duration? = nil
    ) -> AsyncThrowingStream<Event, any Error> {
        events(of: .generate(Self.named(request)), timeout: timeout)
    }

    /// With an id, made up where there is none: what is sent again after a lost connection then begins
    /// no second job.
    private static func named(_ request: GenerationRequest) -> GenerationRequest {
        guard request.requestID == nil else { return request }
        var request = request
        let halves = [UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)]
        request.requestID = halves.map { String($0, radix: 16) }.joined(separator: "-")
        return request
    }

    private func events(
        of request: CallRequest, timeout: Duration? = nil
    ) -> AsyncThrowingStream<Event, any Error> {
        AsyncThrowingStream { continuation in
            let feed = EventFeed(
                Following(
                    request,
                    Patience(reconnect: options.reconnectLimit, retry: options.retryLimit)),
                timeout: timeout, on: loop,
                channel: { [self] in channel(for: $0) }, tell: { continuation.yield($0) },
                didEnd: { continuation.finish(throwing: $0) })
            let bound = LoopBound(feed, to: loop)
            let isStarted = loop.submit { [self] in
                shared.value.feeds[ObjectIdentifier(bound.value)] = bound.value
                bound.value.start()
            }
            guard isStarted else { return continuation.finish(throwing: ClientError.closed) }
            // Keeps the client for as long as someone listens.
            continuation.onTermination = { [self] _ in
                loop.submit { [self] in
                    shared.value.feeds[ObjectIdentifier(bound.value)] = nil
                    bound.value.leave()
                }
            }
        }
    }

    /// Has a job accepted that goes on whatever becomes of this client.
    ///
    /// - Returns: the job once it is stored; the one that is there when this request made it before.
    public func submit(_ request: GenerationRequest) async throws -> JobDescription {
        try await job(.submit(Self.named(request)))
    }

    /// What ``generate(_:timeout:)`` tells, of a job that is there: what still counts after a sequence
    /// number, then what comes. Ending the iteration leaves the job as it is.
    public func watch(
        _ jobID: String, after sequence: UInt64 = 0
    ) -> AsyncThrowingStream<Event, any Error> {
        events(of: .watch(jobID: jobID, after: sequence))
    }

    /// All jobs: how they stand, then what comes, without files and without an end.
    public func watchAll() -> AsyncThrowingStream<Event, any Error> {
        events(of: .watch(jobID: nil, after: 0))
    }

    public func job(_ jobID: String) async throws -> JobDescription {
        try await job(.getJob(jobID))
    }

    /// One page, the newest jobs first.
    public func jobs(_ filter: JobFilter = JobFilter()) async throws -> JobPage {
        try await reply(to: .listJobs(filter)) {
            if case .jobs(let page) = $0 { page } else { nil }
        }
    }

    /// Ends a job, or brings it to an early end with a picture; no-op for one that has ended.
    @discardableResult
    public func cancel(
        _ jobID: String, _ outcome: CancelOutcome = .discard
    ) async throws -> JobDescription {
        try await job(.cancelJob(jobID, outcome))
    }

    /// Makes a job that goes on from a paused one; follow it with ``watch(_:after:)``.
    public func resume(_ request: ResumeRequest) async throws -> JobDescription {
        try await job(.resumeJob(request))
    }

    /// A finished image's file, in pieces, checked against its SHA-256.
    public func image(_ index: Int, of jobID: String) async throws -> [UInt8] {
        var png: [UInt8] = []
        while true {
            let part = ImagePart(jobID: jobID, imageIndex: index, offset: png.count)
            let chunk = try await reply(to: .readImage(part)) {
                if case .imageChunk(let chunk) = $0 { chunk } else { nil }
            }
            png += chunk.data
            if png.count >= chunk.byteCount || chunk.data.isEmpty {
                guard SHA256.digest(of: png) == chunk.sha256 else {
                    throw ClientError.connectionLost("the image did not arrive whole")
                }
                return png
            }
        }
    }

    /// Sends a PNG file to the server, for requests to name: in pieces, going on from where an earlier
    /// attempt ended.
    ///
    /// - Returns: what to name it by, in `GenerationRequest/seedImage` and `maskImage`.
    /// - Throws: `GenerationError` for a file that the server does not take, ``ClientError``.
    public func upload(picture file: [UInt8]) async throws -> String {
        let sha256 = SHA256.digest(of: file)
        var offset = 0
        // A server that asks for the same piece again and again shall not be obeyed for ever.
        for _ in 0..<2 * (file.count / Self.pieceByteCount + 1) {
            let end = min(offset + Self.pieceByteCount, file.count)
            let piece = PicturePiece(
                data: Array(file[offset..<end]), offset: offset, total: file.count, sha256: sha256)
            let receipt = try await reply(to: .uploadImage(piece)) {
                if case .uploaded(let receipt) = $0 { receipt } else { nil }
            }
            if receipt.isComplete { return receipt.name }
            guard (0..<file.count).contains(receipt.received) else { break }
            offset = receipt.received
        }
        throw ClientError.connectionLost("\(address) does not take in the picture")
    }

    /// Of one piece; with its envelope it must stay below the server's 1 MiB.
    private static let pieceByteCount = 512 << 10

    /// Sends `payload` there and back.
    public func ping(_ payload: [UInt8] = []) async throws -> [UInt8] {
        try await reply(to: .ping(payload)) {
            if case .pong(let payload) = $0 { payload } else { nil }
        }
    }

    public func serverInfo() async throws -> ServerInfo {
        try await reply(to: .getInfo) { if case .info(let info) = $0 { info } else { nil } }
    }

    public func serverStats() async throws -> ServerStats {
        try await reply(to: .getStats) { if case .stats(let stats) = $0 { stats } else { nil } }
    }

    public func models() async throws -> [ModelDescription] {
        try await reply(to: .listModels) {
            if case .models(let models) = $0 { models } else { nil }
        }
    }

    /// - Parameter service: a full service name, or empty for the server as a whole.
    public func health(of service: String = "") async throws -> HealthStatus {
        try await reply(to: .checkHealth(service: service)) {
            if case .health(let status) = $0 { status } else { nil }
        }
    }

    /// Closes all connections; calls in progress end with ``ClientError/closed``. Waits a moment for
    /// the client's thread to end. Further calls are refused.
    public func close() {
        // Those that wait to connect again have no connection that would tell them.
        loop.submit { [shared] in
            for feed in shared.value.feeds.values { feed.finish(ClientError.closed) }
            shared.value.feeds = [:]
        }
        loop.stop()
    }

    private func job(_ request: CallRequest) async throws -> JobDescription {
        try await reply(to: request) { if case .job(let job) = $0 { job } else { nil } }
    }

    /// The one reply of a short call, which is made again only where it was refused.
    private func reply<Value: Sendable>(
        to request: CallRequest, _ value: @escaping @Sendable (CallReply) -> Value?
    ) async throws -> Value {
        // After a loss nobody knows whether the first one was heard.
        var patience = Patience(reconnect: .zero, retry: options.retryLimit)
        while true {
            do {
                for try await value in replies(to: request, value) { return value }
                try Task.checkCancellation()
                throw ClientError.connectionLost("\(address) has ended the call without a reply")
            } catch let error as GenerationError {
                try await Task.sleep(for: patience.delay(after: error))
            }
        }
    }

    /// Starts a call; ending the iteration stops it.
    private func replies<Value: Sendable>(
        to request: CallRequest, timeout: Duration? = nil,
        _ value: @escaping @Sendable (CallReply) -> Value?
    ) -> AsyncThrowingStream<Value, any Error> {
        AsyncThrowingStream { continuation in
            let call = Call(
                request, timeout: timeout,
                receive: { if let value = value($0) { continuation.yield(value) } },
                didEnd: { continuation.finish(throwing: $0) })
            let bound = LoopBound(call, to: loop)
            // The loop keeps the order of what it is given: the start comes before the stop.
            let isStarted = loop.submit { [self] in bound.value.start(on: channel(for: request)) }
            guard isStarted else { return continuation.finish(throwing: ClientError.closed) }
            // Keeps the client for as long as someone listens.
            continuation.onTermination = { [self] _ in
                loop.submit { bound.value.stop() }
            }
        }
    }

    /// Where a call is to run. On the loop's thread.
    private func channel(for request: CallRequest) -> Channel {
        if !request.method.isStreaming, let channel = shared.value.channel, !channel.isClosed {
            return channel
        }
        let channel = Channel(
            to: address, on: loop, options: options, isForOneCall: request.method.isStreaming)
        if !request.method.isStreaming { shared.value.channel = channel }
        return channel
    }
}
