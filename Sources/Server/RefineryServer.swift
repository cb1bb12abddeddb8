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

    /// Listens on all of `addresses`, or on none.
    /// - Returns: where it listens, in the order given: a port 0 has become a real one, a name its
    ///   first address.
    /// - Throws: ``TransportError``.
    public func start(listeningOn addresses: [SocketAddress]) async throws -> [SocketAddress] {
        var numeric: [SocketAddress] = []
        for address in addresses { numeric.append(try await lookUp(address)) }
        return try await loop.perform { [core, numeric] in try core.value.listen(on: numeric) }
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
