public import Generation
public import Jobs
public import Logging
public import Transport

/// The server: sockets on one side, jobs on the other.
///
/// Start reading here. A ``Session`` is one connection: it feeds bytes to Wire's state machine and
/// does what that says. ``ServerCore`` is what all sessions share. Both live on one event loop, which
/// never computes, never waits for a file and never waits for a lane; what a lane has to say comes
/// to the loop as submitted work.
public final class RefineryServer: Sendable {
    private let loop: EventLoop
    private let core: LoopBound<ServerCore>

    /// Starts the event loop; nothing is listened on yet. ``stop(grace:)`` it in the end: until then
    /// the loop's thread goes on.
    public init(
        configuration: ServerConfiguration, jobs: JobScheduler, generator: any ImageGenerator,
        logger: Logger
    ) throws(TransportError) {
        let loop = try EventLoop(name: "refinery-loop")
        self.loop = loop
        core = LoopBound(
            ServerCore(
                configuration: configuration, jobs: jobs, generator: generator, logger: logger,
                loop: loop), to: loop)
    }

    /// Listens on all of `points`, or on none.
    /// - Returns: where it listens, in the order given: a port 0 has become a real one, a name its
    ///   first address.
    /// - Throws: ``TransportError``.
    public func start(listeningOn points: [ListeningPoint]) async throws -> [SocketAddress] {
        var numeric: [ListeningPoint] = []
        for point in points { numeric.append(try await lookUp(point)) }
        return try await loop.perform { [core, numeric] in try core.value.listen(on: numeric) }
    }

    public func start(listeningOn addresses: [SocketAddress]) async throws -> [SocketAddress] {
        try await start(listeningOn: addresses.map { .address($0) })
    }

    /// - Throws: ``TransportError`` where other machines could reach a server that asks for no token.
    public static func checkMayListen(
        on address: SocketAddress, tenants: Tenants?
    ) throws(TransportError) {
        guard tenants == nil, !address.isLoopback else { return }
        throw TransportError(
            .permissionDenied,
            "\(address) can be reached from other machines, and without tokens this server would serve "
                + "them all. Name its clients with --tokens FILE, or listen on 127.0.0.1, [::1] or "
                + "unix:PATH.")
    }

    /// Answers `/metrics` and `/healthz` over HTTP, to anybody on this machine.
    /// - Returns: where: a port 0 has become a real one.
    /// - Throws: ``TransportError``, also for an address that is not loopback.
    public func startAdmin(at point: ListeningPoint) async throws -> SocketAddress {
        let numeric = try await lookUp(point)
        guard numeric.address.isLoopback else {
            throw TransportError(
                .permissionDenied,
                "\(numeric.address) can be reached from other machines, and the admin port asks nobody "
                    + "who they are. Have it on 127.0.0.1, [::1] or unix:PATH.")
        }
        return try await loop.perform { [core] in try core.value.openAdminPort(at: numeric) }
    }

    /// From now on these are the tenants. Calls under way go on; a token that is gone opens no new one.
    public func setTenants(_ tenants: Tenants) {
        loop.submit { [core] in core.value.access.tenants = tenants }
    }

    /// Calls `action` on the loop's thread again and again, beginning now: it stops when the loop does.
    public func pulse(every interval: Duration, _ action: @escaping @Sendable () -> Void) {
        loop.submit { [core] in core.value.startPulse(every: interval, action) }
    }

    /// Stops listening, says so to who asks for its health, and refuses new jobs; calls go on, and new ones
    /// about jobs that are there are answered. ``stop(grace:)`` ends what this begins.
    public func beginStopping() async {
        try? await loop.perform { [core] in core.value.beginStopping() }
    }

    private func lookUp(_ point: ListeningPoint) async throws -> ListeningPoint {
        guard case .address(let address) = point else { return point }
        return .address(try await lookUp(address))
    }

    private func lookUp(_ address: SocketAddress) async throws -> SocketAddress {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = loop.submit { [loop] in
                address.lookUp(on: loop) { found in
                    continuation.resume(with: found.map { $0.first ?? address })
                }
            }
            if !accepted {
                continuation.resume(
                    throwing: TransportError(.stopped, "the server has been stopped"))
            }
        }
    }

    /// Stops listening and refuses new jobs, gives running ones `grace` to finish, cancels the rest,
    /// sends what is queued, closes every connection, and ends the loop. May be called again while
    /// it runs, with less grace, and after it has ended. The jobs' lanes are their owner's to stop.
    public func stop(grace: Duration = .zero) async {
        await withCheckedContinuation { continuation in
            let accepted = loop.submit { [core] in
                core.value.stop(grace: grace) { continuation.resume() }
            }
            if !accepted { continuation.resume() }
        }
        loop.stop()
    }
}
