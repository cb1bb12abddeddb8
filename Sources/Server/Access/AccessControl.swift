internal import Generation
internal import Wire

/// Decides who a call comes from, and whether it may come now. Lives on the loop's thread.
final class AccessControl {
    /// Nil where the server does not tell its callers apart.
    var tenants: Tenants? {
        didSet { allowances = [:] }
    }
    private var allowances: [String: CallAllowance] = [:]
    /// By which the tenants take turns in the queue; none is a connection's.
    private var turns: [String: UInt64] = [:]

    init(_ tenants: Tenants?) {
        self.tenants = tenants
    }

    /// Whom a call or a connection is from.
    struct Caller: Equatable {
        /// Empty where callers are not told apart.
        var tenant: String
        /// Whose turns in the queue its jobs take; nil for its connection's.
        var turn: UInt64?
    }

    /// - Parameter connectionToken: what the connection was authenticated with.
    /// - Throws: UNAUTHENTICATED, RESOURCE_EXHAUSTED.
    func caller(
        of call: ServerConnectionState.Call, connectionToken: String?, at now: Duration
    ) throws(GenerationError) -> Caller {
        guard let tenants, !call.request.method.isOpen else { return Caller(tenant: "", turn: nil) }
        guard let token = try Self.bearerToken(in: call.metadata) ?? connectionToken else {
            throw .missingToken
        }
        // A token that has been taken from the list opens nothing more, whenever it was shown.
        guard let tenant = tenants.tenant(withToken: token) else { throw .wrongToken }
        if let limit = tenant.callsPerMinute {
            try allowances[tenant.name, default: CallAllowance(perMinute: limit, at: now)]
                .take(at: now)
        }
        return Caller(tenant: tenant.name, turn: turn(of: tenant.name))
    }

    /// For Authenticate.
    ///
    /// - Returns: the tenant's name.
    /// - Throws: UNAUTHENTICATED.
    func tenant(withToken token: String) throws(GenerationError) -> String {
        guard let tenants else { return "" }
        guard !token.isEmpty else { throw .missingToken }
        guard let tenant = tenants.tenant(withToken: token) else { throw .wrongToken }
        return tenant.name
    }

    private func turn(of tenant: String) -> UInt64 {
        let turn = turns[tenant] ?? 1 << 63 + UInt64(turns.count)
        turns[tenant] = turn
        return turn
    }

    /// Nil where there is none.
    private static func bearerToken(
        in metadata: [MetadataEntry]
    ) throws(GenerationError) -> String? {
        guard let value = metadata.last(where: { $0.key == "authorization" })?.value else {
            return nil
        }
        let parts = value.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw GenerationError(
                .unauthenticated, code: "invalidToken",
                "The metadata authorization holds no bearer token. Write: Bearer TOKEN")
        }
        return String(parts[1])
    }
}

extension Method {
    /// Whether it may be called without a token.
    var isOpen: Bool { self == .checkHealth || self == .authenticate }
}

/// So many calls at once, and as many a minute over time.
struct CallAllowance {
    private let perMinute: Double
    private var left: Double
    private var updated: Duration

    init(perMinute: Int, at now: Duration) {
        self.perMinute = Double(perMinute)
        left = self.perMinute
        updated = now
    }

    /// - Throws: RESOURCE_EXHAUSTED, with the time until there is one.
    mutating func take(at now: Duration) throws(GenerationError) {
        left = min(perMinute, left + (now - updated) / .seconds(60) * perMinute)
        updated = now
        guard left >= 1 else {
            throw .tooManyCalls(
                perMinute: Int(perMinute), wait: .seconds(60 * (1 - left) / perMinute))
        }
        left -= 1
    }
}

extension GenerationError {
    fileprivate static let missingToken = Self(
        .unauthenticated, code: "missingToken",
        "This server wants a token with each call: as the metadata \"authorization: Bearer TOKEN\", or "
            + "given to refinery.v1.Server/Authenticate once on the connection.")

    fileprivate static let wrongToken = Self(
        .unauthenticated, code: "invalidToken",
        "The token is none of this server's. Ask whoever runs it for yours.")

    fileprivate static func tooManyCalls(perMinute: Int, wait: Duration) -> Self {
        Self(
            .resourceExhausted, code: "tooManyCalls",
            "You have made more than \(perMinute) calls a minute, which is what you may. Try again in "
                + "\((wait / .seconds(1)).rounded(.up)) s.",
            retryable: true,
            retryAfterMilliseconds: Int((wait / .milliseconds(1)).rounded(.up)))
    }
}
