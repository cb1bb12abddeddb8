/// Which job is meant. Names are the tenants' own: two tenants' jobs of the same name are two jobs.
public struct JobID: Hashable, Sendable {
    /// Whose it is; empty where the server does not tell its callers apart. Holds no slash.
    public let tenant: String
    /// Chosen by the caller or made up: what requests and events call the job.
    public let name: String

    public init(_ name: String, of tenant: String = "") {
        precondition(!tenant.contains("/"), "a tenant's name holds no slash")
        self.tenant = tenant
        self.name = name
    }
}

// As one text, for stores and logs: the tenant's name and a slash before the job's. Nobody's jobs go
// without, unless their name has a slash itself.
extension JobID: CustomStringConvertible, CustomDebugStringConvertible {
    public init(text: String) {
        guard let slash = text.firstIndex(of: "/") else {
            self.init(text)
            return
        }
        self.init(String(text[text.index(after: slash)...]), of: String(text[..<slash]))
    }

    public var description: String {
        tenant.isEmpty && !name.contains("/") ? name : "\(tenant)/\(name)"
    }

    public var debugDescription: String { description.debugDescription }
}
