internal import Generation
internal import Jobs
internal import Logging
internal import Metrics
internal import Transport
internal import Wire

/// One connection: its bytes go to Wire's state machine, whose actions are carried out here. Lives
/// on the loop's thread.
final class Session: ConnectionHandler {
    let server: ServerCore
    private let connection: Connection
    private var wire: ServerConnectionState
    private var frameTimer: UnfinishedFrameTimer?
    /// Counts from 1: whose turns in the queue its jobs take.
    private let number: UInt64
    /// Calls of Generate and Watch that have not ended.
    private var calls: [StreamID: EventCall] = [:]
    /// From the moment the connection was told to end, whatever may still arrive.
    private var isEnding = false
    /// Why we ended it, for the log; the connection knows the other reasons.
    private var cause: String?
    private var callCount = 0
    /// What it was authenticated with.
    private var token: String?
    /// Whose its latest call was that was let in; nil before that.
    private(set) var tenant: String?
    /// Of what arrived and is not whole, and of what the peer has not taken, when last asked.
    private(set) var heldByteCount = 0
    private let opened = ContinuousClock.now

    init(_ connection: Connection, number: UInt64, server: ServerCore) {
        self.connection = connection
        self.number = number
        self.server = server
        wire = ServerConnectionState(limits: server.configuration.wireLimits)
    }

    // MARK: What arrives

    func connection(_ connection: Connection, received bytes: RawSpan) {
        guard !isEnding else { return }
        server.jobs.metrics.received(byteCount: bytes.byteCount)
        bytes.withUnsafeBytes { wire.receive($0) }
        while !isEnding, let action = wire.nextAction(at: server.uptime) {
            switch action {
            case .call(let call): serve(call)
            case .refuse(let stream, let error):
                server.callDidEnd(nil, with: error, after: nil)
                write(ServerConnectionState.errorFrame(error, on: stream))
            case .close(let fault): cut(for: .notTTRPC, "the peer speaks no ttrpc: \(fault)")
            }
        }
        limitUnfinishedFrame()
        server.limitHeldBytes(after: self)
    }

    /// - Returns: what the connection holds more than when last asked; nothing of it, once it ends.
    func updateHeldByteCount() -> Int {
        let now = isEnding ? 0 : wire.bufferedByteCount + connection.queuedByteCount
        defer { heldByteCount = now }
        return now - heldByteCount
    }

    private func limitUnfinishedFrame() {
        guard !isEnding else { return }
        // A peer that we do not read from cannot finish anything.
        let unfinished = connection.isWritable ? wire.unfinishedFrame : nil
        if frameTimer == nil, unfinished != nil {
            frameTimer = UnfinishedFrameTimer(on: server.loop)
        }
        let configuration = server.configuration
        let timeout =
            unfinished?.isHeader == true
            ? configuration.headerTimeout : configuration.payloadTimeout
        frameTimer?.update(unfinished, timeout: timeout) { [self] in
            cut(for: .unfinishedFrame, "a frame was not finished within \(timeout)")
        }
    }

    private func serve(_ call: ServerConnectionState.Call) {
        callCount += 1
        let record = CallRecord(of: call.request.method)
        var tenant = ""
        do throws(GenerationError) {
            let caller = try server.access.caller(
                of: call, connectionToken: token, at: server.uptime)
            tenant = caller.tenant
            if !call.request.method.isOpen { self.tenant = tenant }
            if let reply = try server.reply(to: call.request, of: caller.tenant) {
                answer(call.stream, with: .success(reply), record)
            } else if case .authenticate(let token) = call.request {
                let tenant = try server.access.tenant(withToken: token)
                self.token = token
                self.tenant = tenant
                answer(call.stream, with: .success(.authenticated(tenant: tenant)), record)
            } else {
                try serveInTime(call, from: caller, record)
            }
        } catch {
            server.callWasRefused(call.request.method, of: tenant, by: connection.peer, error)
            answer(call.stream, with: .failure(error), record)
        }
    }

    /// The calls that stream, or whose reply waits for another thread.
    private func serveInTime(
        _ call: ServerConnectionState.Call, from caller: AccessControl.Caller,
        _ record: CallRecord
    ) throws(GenerationError) {
        let (jobs, stream, tenant) = (server.jobs, call.stream, caller.tenant)
        let turn = caller.turn ?? number
        func reply<Value: Sendable>(
            _ message: @escaping @Sendable (Value) -> CallReply
        ) -> @Sendable (Result<Value, GenerationError>) -> Void {
            self.reply(on: stream, record, message)
        }
        switch call.request {
        case .generate(let request):
            try checkTakesJobs(from: tenant)
            server.logPrompt(of: request, from: tenant)
            let isOwner = request.detach != true
            calls[stream] = try EventCall(call, session: self) { observer throws(GenerationError) in
                try jobs.submit(
                    request, of: tenant, client: turn, deadline: call.timeout, isOwner: isOwner,
                    observer: observer)
            }
        case .watch(let name?, let sequence):
            calls[stream] = try EventCall(call, session: self) { observer throws(GenerationError) in
                try jobs.watch(
                    JobID(name, of: tenant), after: sequence, observer: observer)
            }
        case .watch(nil, _):
            calls[stream] = try EventCall(call, session: self) { observer in
                jobs.watchAll(of: tenant, observer: observer)
            }
        case .submit(let request):
            try checkTakesJobs(from: tenant)
            server.logPrompt(of: request, from: tenant)
            jobs.submit(request, of: tenant, client: turn, reply: reply { .job($0) })
        case .resumeJob(let request):
            try checkTakesJobs(from: tenant)
            jobs.resume(request, of: tenant, client: turn, reply: reply { .job($0) })
        case .listJobs(let filter): jobs.list(filter, of: tenant, reply: reply { .jobs($0) })
        case .cancelJob(let name, let outcome):
            jobs.cancel(JobID(name, of: tenant), outcome, reply: reply { .job($0) })
        case .readImage(let part):
            jobs.readImage(
                part.imageIndex, of: JobID(part.jobID, of: tenant), offset: part.offset,
                byteCount: part.byteCount, reply: reply { .imageChunk($0) })
        case .uploadImage(let piece):
            // A whole file is decoded elsewhere.
            jobs.pictures.receive(piece, of: tenant, reply: reply { .uploaded($0) })
        case .getJob, .listModels, .getInfo, .getStats, .ping, .checkHealth, .authenticate:
            preconditionFailure("has its reply at once")
        }
    }

    private func checkTakesJobs(from tenant: String) throws(GenerationError) {
        guard server.isStopping else { return }
        server.jobs.metrics.jobRefused(of: tenant)
        throw GenerationError.serverStopping
    }

    /// A closure that any thread may call with the reply.
    private func reply<Value: Sendable>(
        on stream: StreamID, _ record: CallRecord,
        _ message: @escaping @Sendable (Value) -> CallReply
    ) -> @Sendable (Result<Value, GenerationError>) -> Void {
        let loop = server.loop
        let bound = LoopBound(self, to: loop)
        return { result in
            loop.submit { bound.value.answer(stream, with: result.map(message), record) }
        }
    }

    private func answer(
        _ stream: StreamID, with result: Result<CallReply, GenerationError>, _ record: CallRecord
    ) {
        switch result {
        case .success(let reply):
            server.callDidEnd(record.method, with: nil, after: record.elapsed)
            write(wire.send(reply, on: stream))
        case .failure(let error):
            server.callDidEnd(record.method, with: error, after: record.elapsed)
            write(wire.fail(stream, with: error))
        }
    }

    // MARK: What leaves

    /// Whether the peer takes what it is sent; otherwise only what may not be lost should be added.
    var isWritable: Bool { connection.isWritable }

    /// One event of a call.
    /// - Returns: false when the call is over because the event does not fit a frame.
    func send(_ event: Event, on stream: StreamID) -> Bool {
        write(wire.send(.event(event), on: stream))
        if isEnding || wire.isOpen(stream) { return true }
        calls[stream] = nil
        return false
    }

    func finish(_ stream: StreamID) {
        calls[stream] = nil
        write(wire.finish(stream))
    }

    func fail(_ stream: StreamID, with error: GenerationError) {
        calls[stream] = nil
        write(wire.fail(stream, with: error))
    }

    private func write(_ frame: [UInt8]?) {
        guard let frame, !isEnding else { return }
        server.jobs.metrics.sent(byteCount: frame.count)
        connection.write(frame)
        let limit = server.configuration.outputByteLimit
        if connection.queuedByteCount > limit {
            cut(for: .unread, "the peer does not read: more than \(limit) bytes wait for it")
        } else if !connection.isWritable {
            // Who does not read our answers shall not ask for more.
            connection.pauseReading()
            limitUnfinishedFrame()
        }
        if connection.queuedByteCount > 0 { server.limitHeldBytes(after: self) }
    }

    func connectionBecameWritable(_ connection: Connection) {
        guard !isEnding else { return }
        connection.resumeReading()
        limitUnfinishedFrame()
        for call in calls.values { call.catchUp() }
    }

    // MARK: The end

    func connectionReachedEnd(_ connection: Connection) {
        // ttrpc knows no half-open connection: who says no more will come waits for nothing.
        leaveCalls()
        isEnding = true
        connection.close()
    }

    /// The server stops: open calls are told so, then the connection closes.
    func endForStop() {
        guard !isEnding else { return }
        for (stream, call) in calls {
            call.endForStop()
            write(wire.fail(stream, with: .serverStopping))
        }
        calls = [:]
        isEnding = true
        connection.close()
    }

    /// For a peer that breaks the rules: what it was still to get is dropped.
    func cut(for kind: CutCause, _ cause: String) {
        guard !isEnding else { return }
        self.cause = cause
        server.jobs.metrics.connectionCut(for: kind)
        isEnding = true
        connection.abort()
    }

    func connection(_ connection: Connection, closedBy reason: Connection.CloseReason) {
        if case .failed(let error) = reason, error.kind == .timedOut, !isEnding {
            server.jobs.metrics.connectionCut(for: .unread)
        }
        isEnding = true
        leaveCalls()
        frameTimer?.close()
        server.logger.debug(
            "connection closed",
            metadata: [
                "peer": "\(connection.peer)",
                "reason": "\(cause ?? String(describing: reason))",
                "calls": "\(callCount)",
                "seconds": "\((ContinuousClock.now - opened).seconds)",
            ])
        server.sessionDidEnd(self)
    }

    private func leaveCalls() {
        let calls = calls.values
        self.calls = [:]
        for call in calls { call.leave() }
    }
}

extension GenerationError {
    static let serverStopping = Self(
        .unavailable, code: "serverStopping",
        "The server is stopping and takes no more jobs. Try again in a moment, or ask another one.",
        retryable: true, retryAfterMilliseconds: 5000)
}
