internal import Transport

/// `/metrics` and `/healthz` for whoever watches the server, over plain HTTP on loopback. Lives on the
/// loop's thread, and as long as that: it answers while the server drains.
final class AdminPort {
    /// Connections at a time; more are closed at once.
    static let connectionMaximum = 32

    private unowned let server: ServerCore
    private var listener: Listener?
    private var sessions: [ObjectIdentifier: AdminSession] = [:]

    /// - Throws: when it cannot listen there.
    init(at point: ListeningPoint, of server: ServerCore) throws(TransportError) {
        self.server = server
        var options = Connection.Options()
        options.closeTimeout = AdminSession.timeout
        listener = try Listener(
            on: server.loop, at: point, backlog: 32,
            limit: ConnectionLimit(maximum: Self.connectionMaximum), options: options
        ) { [unowned self] in accept($0) }
    }

    /// With the port that was chosen for 0.
    var address: SocketAddress? { listener?.address }

    func close() {
        listener?.close()
        listener = nil
    }

    private func accept(_ connection: Connection) {
        let session = AdminSession(connection) { [unowned self] in
            respond(to: $0)
        } onEnd: { [weak self] in
            self?.sessions[ObjectIdentifier($0)] = nil
        }
        sessions[ObjectIdentifier(session)] = session
        connection.start(session)
    }

    private func respond(to path: String) -> AdminSession.Response {
        switch path {
        case "/metrics":
            AdminSession.Response(
                status: "200 OK", contentType: ServerCore.metricsContentType,
                body: server.metricsText)
        case "/healthz" where server.isStopping:
            AdminSession.Response(status: "503 Service Unavailable", body: "stopping\n")
        case "/healthz": AdminSession.Response(status: "200 OK", body: "ok\n")
        default: .notFound
        }
    }
}
