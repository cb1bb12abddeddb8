internal import Generation
internal import Jobs
internal import Logging
internal import Metrics
internal import Transport
internal import Wire

/// What all connections of a server share: listeners, sessions, and the stop that ends them. Lives
/// on the loop's thread.
final class ServerCore {
    let configuration: ServerConfiguration
    let jobs: JobScheduler
    let generator: any ImageGenerator
    let logger: Logger
    let loop: EventLoop
    /// Counts from the start, for Wire's clock and the uptime.
    private let started = ContinuousClock.now

    let access: AccessControl
    /// On the wall clock, since 1970.
    let startSeconds = Double(JobClock.system.wallMilliseconds()) / 1000
    private var listeners: [Listener] = []
    private var adminPort: AdminPort?
    private var pulse: LoopTimer?
    var refusalLines = LineLimit()
    var unloggedRefusalCount = 0
    private var sessions: [ObjectIdentifier: Session] = [:]
    private var limit: ConnectionLimit?
    /// So far.
    private var connectionCount: UInt64 = 0
    /// What the sessions said last that they hold, together.
    private var heldByteCount = 0
    /// Calls of Generate and Watch that have not ended.
    private var openCallCount = 0
    private var stopping: Stopping?
    /// Called once, when the last connection is closed.
    private var endActions: [() -> Void] = []

    private struct Stopping {
        /// For the grace.
        var timer: LoopTimer
        /// The end of the last call closes the sessions.
        var endsWithCalls = false
        /// No job is left, or no grace: sessions are closing.
        var isClosing = false
    }

    init(
        configuration: ServerConfiguration, jobs: JobScheduler, generator: any ImageGenerator,
        logger: Logger, loop: EventLoop
    ) {
        self.configuration = configuration
        self.jobs = jobs
        self.generator = generator
        self.logger = logger
        self.loop = loop
        access = AccessControl(configuration.tenants)
    }

    var uptime: Duration { ContinuousClock.now - started }
    var isStopping: Bool { stopping != nil }

    // MARK: Connections

    /// Those whose latest call was the tenant's.
    func connectionCount(of tenant: String) -> Int {
        sessions.values.count { $0.tenant == tenant }
    }

    /// Closed at once because there were too many.
    var refusedConnectionCount: Int { limit?.refusedCount ?? 0 }

    func listen(on points: [ListeningPoint]) throws(TransportError) -> [SocketAddress] {
        guard !isStopping else { throw TransportError(.stopped, "the server has been stopped") }
        for point in points {
            try RefineryServer.checkMayListen(on: point.address, tenants: access.tenants)
        }
        var options = Connection.Options()
        options.highWatermark = configuration.outputHighWatermark
        options.lowWatermark = configuration.outputLowWatermark
        options.closeTimeout = configuration.closeTimeout
        options.unacknowledgedTimeout = configuration.unacknowledgedTimeout
        let limit =
            self.limit ?? configuration.connectionMaximum.map(ConnectionLimit.init(maximum:))
            ?? .belowDescriptorLimit()
        self.limit = limit
        var opened: [Listener] = []
        do {
            for point in points {
                let listener = try Listener(
                    on: loop, at: point, limit: limit, options: options
                ) { [self] in accept($0) }
                opened.append(listener)
            }
        } catch {
            for listener in opened { listener.close() }
            throw error
        }
        listeners += opened
        return opened.map(\.address)
    }

    /// - Returns: where, with the port that was chosen for 0.
    func openAdminPort(at point: ListeningPoint) throws(TransportError) -> SocketAddress {
        let port = try AdminPort(at: point, of: self)
        adminPort = port
        return port.address ?? point.address
    }

    /// Calls again and again, for as long as the loop goes round.
    func startPulse(every interval: Duration, _ action: @escaping () -> Void) {
        let timer = pulse ?? LoopTimer(on: loop)
        pulse = timer
        timer.start(after: .zero, every: interval, action)
    }

    private func accept(_ connection: Connection) {
        connectionCount += 1
        let session = Session(connection, number: connectionCount, server: self)
        sessions[ObjectIdentifier(session)] = session
        jobs.metrics.connectionOpened()
        connection.start(session)
    }

    func sessionDidEnd(_ session: Session) {
        sessions[ObjectIdentifier(session)] = nil
        heldByteCount += session.updateHeldByteCount()
        jobs.metrics.connectionClosed()
        stopIfDone()
    }

    /// Cuts whoever holds most while all sessions together hold too much; to be called when one may hold
    /// more than before.
    func limitHeldBytes(after session: Session) {
        heldByteCount += session.updateHeldByteCount()
        let limit = configuration.connectionsByteLimit
        guard heldByteCount > limit else { return }
        // Peers may have taken some of it since.
        for session in sessions.values { heldByteCount += session.updateHeldByteCount() }
        while heldByteCount > limit,
            let greediest = sessions.values.max(by: { $0.heldByteCount < $1.heldByteCount }),
            greediest.heldByteCount > 0
        {
            greediest.cut(
                for: .greediest,
                "it held the most when all connections held more than \(limit) bytes")
            heldByteCount += greediest.updateHeldByteCount()
        }
    }

    // MARK: Calls

    func streamDidStart() { openCallCount += 1 }

    func streamDidEnd() {
        openCallCount -= 1
        guard let stopping, openCallCount == 0, stopping.endsWithCalls else { return }
        closeSessions()
    }

    // MARK: Stopping

    /// Not serving from now on, which health says; connections and their calls go on.
    func beginStopping() {
        guard stopping == nil else { return }
        stopping = Stopping(timer: LoopTimer(on: loop))
        for listener in listeners { listener.close() }
        listeners = []
    }

    /// - Parameter completion: called when the last connection is closed.
    func stop(grace: Duration, completion: @escaping () -> Void) {
        beginStopping()
        endActions.append(completion)
        guard stopping?.isClosing == false else { return stopIfDone() }
        stopping?.endsWithCalls = true
        if openCallCount == 0 || grace <= .zero {
            closeSessions()
        } else {
            stopping?.timer.start(after: grace) { [self] in closeSessions() }
        }
    }

    private func closeSessions() {
        guard stopping?.isClosing == false else { return }
        stopping?.isClosing = true
        stopping?.timer.close()
        pulse?.close()
        adminPort?.close()
        for session in sessions.values { session.endForStop() }
        stopIfDone()
    }

    private func stopIfDone() {
        guard stopping?.isClosing == true, sessions.isEmpty else { return }
        let actions = endActions
        endActions = []
        for action in actions { action() }
    }
}
