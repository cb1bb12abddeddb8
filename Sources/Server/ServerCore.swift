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

    private var listeners: [Listener] = []
    private var sessions: [ObjectIdentifier: Session] = [:]
    private var limit: ConnectionLimit?
    /// So far.
    private var connectionCount: UInt64 = 0
    /// Calls of Generate and Watch that have not ended.
    private var openCallCount = 0
    private var stopping: Stopping?
    /// Called once, when the last connection is closed.
    private var endActions: [() -> Void] = []

    private struct Stopping {
        /// For the grace.
        var timer: LoopTimer
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
    }

    var uptime: Duration { ContinuousClock.now - started }
    var isStopping: Bool { stopping != nil }

    // MARK: Connections

    func listen(on addresses: [SocketAddress]) throws(TransportError) -> [SocketAddress] {
        guard !isStopping else { throw TransportError(.stopped, "the server has been stopped") }
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
            for address in addresses {
                let listener = try Listener(
                    on: loop, at: address, limit: limit, options: options
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

    private func accept(_ connection: Connection) {
        connectionCount += 1
        let session = Session(connection, number: connectionCount, server: self)
        sessions[ObjectIdentifier(session)] = session
        jobs.metrics.connectionOpened()
        connection.start(session)
    }

    func sessionDidEnd(_ session: Session) {
        sessions[ObjectIdentifier(session)] = nil
        jobs.metrics.connectionClosed()
        stopIfDone()
    }

    // MARK: Calls

    func callDidStart() { openCallCount += 1 }

    func callDidEnd() {
        openCallCount -= 1
        if openCallCount == 0, stopping?.isClosing == false { closeSessions() }
    }

    // MARK: Stopping

    /// - Parameter completion: called when the last connection is closed.
    func stop(grace: Duration, completion: @escaping () -> Void) {
        if stopping == nil {
            logger.info("stopping", metadata: ["calls": "\(openCallCount)", "grace": "\(grace)"])
            stopping = Stopping(timer: LoopTimer(on: loop))
            for listener in listeners { listener.close() }
            listeners = []
        }
        endActions.append(completion)
        guard stopping?.isClosing == false else { return stopIfDone() }
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
