internal import Generation
public import Jobs

/// One of those whom a server tells apart.
public struct Tenant: Equatable, Sendable {
    /// 1 to 64 letters, digits, dots, hyphens and underscores.
    public let name: String
    public internal(set) var limits = TenantLimits()
    /// So many at once, and as many a minute; nil for any number.
    public internal(set) var callsPerMinute: Int?
}

/// Who may come in, and by what tokens. Of a token only its SHA-256 is kept.
///
/// The text they are read from has a tenant a line:
///
///     # name  token (or sha256: and its SHA-256 in hex)  limits
///     alice   b4Zq-0Jx8...                               queued=10 running=1
///     bob     sha256:9f86d081884c7d65...                 calls-per-minute=600 uploads-mib=64
///
/// A tenant may have several lines, so that a token can be replaced without a gap; its limits stand on
/// one of them.
public struct Tenants: Equatable, Sendable {
    private static let tokenByteMaximum = 512

    private var tenants: [String: Tenant] = [:]
    private var tokens: [(digest: [UInt8], tenant: String)] = []

    /// - Parameter source: what the text is called in errors.
    /// - Throws: ``TenantsError`` with the line; never with a token.
    public init(_ text: String, source: String) throws(TenantsError) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            do throws(TenantsError) {
                try add(line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace))
            } catch {
                throw TenantsError("\(source), line \(index + 1): \(error.message)")
            }
        }
        guard !tokens.isEmpty else {
            throw TenantsError(
                "\(source) names nobody. Write a line for each tenant: its name, a blank, its token."
            )
        }
    }

    public static func == (first: Self, second: Self) -> Bool {
        first.tenants == second.tenants
            && first.tokens.elementsEqual(second.tokens) {
                $0.digest == $1.digest && $0.tenant == $1.tenant
            }
    }

    /// In the order of their names.
    public var all: [Tenant] { tenants.values.sorted { $0.name < $1.name } }

    public subscript(name: String) -> Tenant? { tenants[name] }

    /// Whose token that is. Takes as long whether or not, and whosever, it is.
    func tenant(withToken token: String) -> Tenant? {
        guard token.utf8.count <= Self.tokenByteMaximum else { return nil }
        let digest = SHA256.digest(of: Array(token.utf8))
        var found: String?
        for (known, tenant) in tokens where Self.areEqual(known, digest) { found = tenant }
        return found.flatMap { tenants[$0] }
    }

    /// Without a hint in its time where the two differ.
    private static func areEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        var difference: UInt8 = 0
        for (first, second) in zip(first, second) { difference |= first ^ second }
        return first.count == second.count && difference == 0
    }

    // MARK: Reading

    private mutating func add(_ fields: [Substring]) throws(TenantsError) {
        guard let name = fields.first.map(String.init) else { return }
        guard Self.isName(name) else {
            throw TenantsError(
                "\"\(name.loggable())\" is no tenant's name: it has 1 to 64 letters, digits, dots, "
                    + "hyphens and underscores.")
        }
        guard fields.count > 1 else { throw TenantsError("\(name) has no token after its name.") }
        let digest = try Self.digest(of: String(fields[1]))
        guard !tokens.contains(where: { $0.digest == digest }) else {
            throw TenantsError("\(name)'s token is there already, on a line before.")
        }
        var tenant = tenants[name] ?? Tenant(name: name)
        let isLimited = tenant != Tenant(name: name)
        for setting in fields.dropFirst(2) {
            guard !isLimited else {
                throw TenantsError("\(name) has limits already, on a line before.")
            }
            try tenant.set(setting)
        }
        tenants[name] = tenant
        tokens.append((digest, name))
    }

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                isAlphanumeric($0) || "._-".unicodeScalars.contains($0)
            }
    }

    /// Those of RFC 6750, which fit every header.
    private static func isTokenCharacter(_ scalar: Unicode.Scalar) -> Bool {
        isAlphanumeric(scalar) || "-._~+/=".unicodeScalars.contains(scalar)
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }

    private static func digest(of token: String) throws(TenantsError) -> [UInt8] {
        if token.hasPrefix("sha256:") {
            let digits = Array(token.utf8.dropFirst(7))
            let digest = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
            }
            guard digits.count == 64, digest.count == 32 else {
                throw TenantsError("after sha256: there must be 64 hex digits.")
            }
            return digest
        }
        // Shorter ones can be guessed.
        guard (16...tokenByteMaximum).contains(token.utf8.count),
            token.unicodeScalars.allSatisfy(isTokenCharacter)
        else {
            throw TenantsError(
                "the token must have 16 to 512 letters, digits and - . _ ~ + / =. "
                    + "Make one with: openssl rand -base64 24")
        }
        return SHA256.digest(of: Array(token.utf8))
    }
}

extension Tenant {
    fileprivate init(name: String) {
        self.init(name: name, limits: TenantLimits(), callsPerMinute: nil)
    }

    fileprivate mutating func set(_ setting: Substring) throws(TenantsError) {
        let names = ["queued", "running", "uploads-mib", "calls-per-minute"]
        let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, names.contains(parts[0]) else {
            let near = parts.first.flatMap { nearest(to: $0, among: names) }
            throw TenantsError(
                "\"\(String(setting).loggable())\" is no limit. "
                    + (near.map { "Did you mean \($0)=? " } ?? "")
                    + "There are: \(names.map { $0 + "=N" }.joined(separator: ", ")).")
        }
        guard let number = Int(parts[1]), (1...1_000_000).contains(number) else {
            throw TenantsError("\(parts[0]) must be 1 to 1000000.")
        }
        switch parts[0] {
        case "queued": limits.queuedMaximum = number
        case "running": limits.runningMaximum = number
        case "uploads-mib": limits.uploadByteMaximum = number << 20
        default: callsPerMinute = number
        }
    }
}

/// What is wrong in a text of ``Tenants``.
public struct TenantsError: Error, Equatable, Sendable, CustomStringConvertible {
    public let message: String

    init(_ message: String) { self.message = message }

    public var description: String { message }
}
