internal import Generation
internal import Jobs
internal import Logging
internal import Transport
internal import Wire

/// One call of Generate or Watch: brings a job's events to its stream, and the loss of its connection to
/// the job. Lives on the loop's thread; the job reports from its lane's.
final class EventCall {
    private let stream: StreamID
    private let method: Method
    private let server: ServerCore
    /// Nil once the call is over.
    private weak var session: Session?
    private var handle: JobHandle?
    private var plan: GenerationPlan?
    private let begun = ContinuousClock.now

    /// The latest event the peer can do without, held back while it does not read.
    private var heldEvent: Event?
    /// The latest such event, to be said again when nothing else is.
    private var latest: (event: Event, at: ContinuousClock.Instant)?
    private let quietTimer: LoopTimer
    /// The job's latest event, and how often it has been repeated since.
    private var jobSequence: UInt64 = 0
    private var repeatCount: UInt64 = 0
    private var isPaused = false

    /// - Parameter attach: finds or makes the job, given whom to tell of it.
    /// - Throws: what `attach` does; nothing is left behind then.
    init(
        _ call: ServerConnectionState.Call, session: Session,
        attach: (@escaping @Sendable (JobUpdate) -> Void) throws(GenerationError) -> JobHandle
    ) throws(GenerationError) {
        stream = call.stream
        method = call.request.method
        server = session.server
        self.session = session
        quietTimer = LoopTimer(on: server.loop)
        do throws(GenerationError) {
            // A lane shall not wait for the loop, nor touch what lives there.
            let loop = server.loop
            let bound = LoopBound(self, to: loop)
            handle = try attach { update in loop.submit { bound.value.receive(update) } }
        } catch {
            quietTimer.close()
            throw error
        }
        server.streamDidStart()
    }

    // MARK: From the job

    private func receive(_ update: JobUpdate) {
        guard let session else { return }
        switch update {
        case .event(let event):
            jobSequence = event.sequence
            repeatCount = 0
            if case .accepted(let plan) = event.content { self.plan = plan }
            // Of all jobs the next is as likely another's.
            if handle?.jobID.isEmpty == true { return deliverOfAll(event, to: session) }
            if event.isReplaceable { latest = (event, .now) }
            deliver(event, to: session)
        case .ended(.success):
            session.finish(stream)
            end("finished")
        case .ended(.failure(let error)):
            session.fail(stream, with: error)
            end("failed", error)
        }
    }

    private func deliver(_ event: Event, to session: Session) {
        if event.isReplaceable, !session.isWritable {
            heldEvent = event
            return
        }
        // Whatever was held back is older: sequence numbers grow, gaps are allowed.
        heldEvent = nil
        guard session.send(event, on: stream) else { return leave() }
        pauseWhileFull(session)
        let interval = server.configuration.progressInterval
        quietTimer.start(after: interval, every: interval) { [unowned self] in repeatLatest() }
    }

    /// What replaces itself may be left out while the peer does not read: there is more of it.
    private func deliverOfAll(_ event: Event, to session: Session) {
        if event.isReplaceable, !session.isWritable { return }
        guard session.send(event, on: stream) else { return leave() }
    }

    /// Finished pictures wait in the store until there is room for them.
    private func pauseWhileFull(_ session: Session) {
        guard let handle, isPaused != !session.isWritable else { return }
        isPaused = !session.isWritable
        server.jobs.setPaused(isPaused, handle)
    }

    /// A long step is no reason for silence: the caller sees that the job lives.
    private func repeatLatest() {
        guard let session, heldEvent == nil, let latest else { return }
        // Past that many, which takes hours, they say the last number again.
        repeatCount = min(repeatCount + 1, Event.sequenceStride - 1)
        deliver(
            latest.event.repeated(
                sequence: jobSequence + repeatCount, after: ContinuousClock.now - latest.at),
            to: session)
    }

    // MARK: From the connection

    /// The peer has caught up.
    func catchUp() {
        guard let session else { return }
        pauseWhileFull(session)
        if let heldEvent { deliver(heldEvent, to: session) }
    }

    /// Nobody hears it any more; a job that is the call's alone ends before its next step.
    func leave() {
        guard session != nil else { return }
        if let handle { server.jobs.leave(handle) }
        end("left", .callLeft)
    }

    /// The server stops: a job that outlives it is not cancelled by the loss of its connection.
    func endForStop() {
        if server.jobs.isDurable { end("stopped", .serverStopping) } else { leave() }
    }

    private func end(_ outcome: String, _ error: GenerationError? = nil) {
        session = nil
        heldEvent = nil
        quietTimer.close()
        var metadata: Logger.Metadata = [
            "id": "\(handle?.jobID.loggable() ?? "")",
            "outcome": "\(outcome)",
            "seconds": "\((ContinuousClock.now - begun).seconds)",
        ]
        if let plan {
            metadata["size"] = "\(plan.size.width)x\(plan.size.height)"
            metadata["images"] = "\(plan.imageCount)"
            metadata["steps"] = "\(plan.stepCount)"
            metadata["handoff"] = "\(plan.handoff.map { String($0.step) } ?? "none")"
        }
        if let error { metadata["code"] = "\(error.code.loggable())" }
        // It holds the watcher, which holds the observer, which holds this.
        handle = nil
        server.logger.debug("call ended", metadata: metadata)
        server.callDidEnd(method, with: error, after: nil)
        server.streamDidEnd()
    }
}

extension GenerationError {
    /// How a call that nobody hears any more counts.
    fileprivate static let callLeft = Self(
        .cancelled, code: "callLeft", "The client has ended the call.")
}
