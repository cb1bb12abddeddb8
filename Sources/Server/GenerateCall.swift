internal import Generation
internal import Jobs
internal import Logging
internal import Transport
internal import Wire

/// One call of Generate: brings its job's events to its stream, and the loss of its connection to
/// the job. Lives on the loop's thread; the job reports from its lane's.
final class GenerateCall {
    private let stream: StreamID
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
    /// The job's latest event by its own count, and the repetitions we have put among them.
    private var jobSequence: UInt64 = 0
    private var repeatCount: UInt64 = 0

    /// - Throws: why there is no job; nothing is left behind then.
    init(
        _ request: GenerationRequest, _ call: ServerConnectionState.Call, session: Session
    ) throws(GenerationError) {
        stream = call.stream
        server = session.server
        self.session = session
        quietTimer = LoopTimer(on: server.loop)
        do throws(GenerationError) {
            // A lane shall not wait for the loop, nor touch what lives there.
            let loop = server.loop
            let bound = LoopBound(self, to: loop)
            handle = try server.jobs.submit(request, deadline: call.timeout) { update in
                loop.submit { bound.value.receive(update) }
            }
        } catch {
            quietTimer.close()
            throw error
        }
        server.jobDidStart()
    }

    // MARK: From the job

    private func receive(_ update: JobUpdate) {
        guard let session else { return }
        switch update {
        case .event(var event):
            jobSequence = event.sequence
            event.sequence += repeatCount
            if case .accepted(let plan) = event.content { self.plan = plan }
            if event.isReplaceable { latest = (event, .now) }
            deliver(event, to: session)
        case .ended(.success):
            session.finish(stream)
            end("finished")
        case .ended(.failure(let error)):
            session.fail(stream, with: error)
            end("\(error.status)", error)
        }
    }

    private func deliver(_ event: Event, to session: Session) {
        if event.isReplaceable, !session.isWritable {
            heldEvent = event
            return
        }
        // Whatever was held back is older: sequence numbers grow, gaps are allowed.
        heldEvent = nil
        guard session.send(event, on: stream) else { return cancel() }
        let interval = server.configuration.progressInterval
        quietTimer.start(after: interval, every: interval) { [unowned self] in repeatLatest() }
    }

    /// A long step is no reason for silence: the caller sees that the job lives.
    private func repeatLatest() {
        guard let session, heldEvent == nil, let latest else { return }
        repeatCount += 1
        deliver(
            latest.event.repeated(
                sequence: jobSequence + repeatCount, after: ContinuousClock.now - latest.at),
            to: session)
    }

    // MARK: From the connection

    /// The peer has caught up.
    func sendHeldEvent() {
        guard let session, let heldEvent else { return }
        deliver(heldEvent, to: session)
    }

    /// Nobody waits for the job any more: it ends before its next step.
    func cancel() {
        guard session != nil else { return }
        if let handle { server.jobs.cancel(handle) }
        end("cancelled")
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
            metadata["images"] = "\(plan.seeds.count)"
            metadata["steps"] = "\(plan.baseSteps + plan.refinerSteps)"
            metadata["handoff"] = "\(plan.handoff.map { String($0.step) } ?? "none")"
        }
        if let error { metadata["code"] = "\(error.code.loggable())" }
        server.logger.info("job ended", metadata: metadata)
        server.jobDidEnd()
    }
}
