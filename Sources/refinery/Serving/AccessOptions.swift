import ArgumentParser
import Glibc
import Server

/// Who may use a server.
struct AccessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "File of those who may come in: a line for each, of a name, a token, and limits. Read again at "
                + "SIGHUP. The variable REFINERY_TOKENS may hold the same text instead.",
            valueName: "file"))
    var tokens: String?

    /// Nil where nobody is told apart.
    ///
    /// - Throws: ``UsageError``, ``FileError``.
    func tenants() throws -> Tenants? {
        if let tokens {
            return try tenants(
                in: String(decoding: try Files.read(tokens), as: UTF8.self), called: tokens)
        }
        guard let text = getenv("REFINERY_TOKENS").map({ String(cString: $0) }), !text.isEmpty
        else { return nil }
        return try tenants(in: text, called: "REFINERY_TOKENS")
    }

    private func tenants(in text: String, called source: String) throws -> Tenants {
        do {
            return try Tenants(text, source: source)
        } catch {
            throw UsageError("\(error)")
        }
    }

    /// Something to say about the file, for the log.
    var warning: String? {
        guard let tokens else { return nil }
        var status = stat()
        guard stat(tokens, &status) == 0, status.st_mode & 0o077 != 0 else { return nil }
        return "\(tokens) can be read by others on this machine: chmod 600 it"
    }
}
