import Generation
import Glibc
import Server
import Transport

/// `serve --check`: everything that a start would need, without disturbing a server that runs.
struct ServeCheck {
    private(set) var lines: [String] = []
    private(set) var problemCount = 0

    init(_ command: ServeCommand) {
        attempt("listen") { check throws in try check.checkAddresses(command) }
        attempt("tokens") { check throws in try check.checkTokens(command) }
        attempt("data") { check throws in try check.checkData(command.keeping.data) }
        attempt("models") { check throws in try check.checkModels(command) }
    }

    var text: String { lines.map { $0 + "\n" }.joined() }

    private mutating func attempt(_ what: String, _ body: (inout Self) throws -> Void) {
        do { try body(&self) } catch { problem("\(what): \(error)") }
    }

    private mutating func checkAddresses(_ command: ServeCommand) throws {
        for address in try command.addresses(hasSockets: false) { good("listen \(address)") }
        if let address = try command.operation.adminAddress() { good("admin \(address)") }
    }

    private mutating func checkTokens(_ command: ServeCommand) throws {
        guard let tenants = try command.access.tenants() else {
            return good("no tokens: whoever reaches the server may use it")
        }
        good("tokens of \(tenants.all.map(\.name).joined(separator: ", "))")
        if let warning = command.access.warning { self.warning(warning) }
    }

    private mutating func checkData(_ folder: String?) throws {
        guard let folder else { return good("no --data: jobs end with the process") }
        let isThere = Files.isFolder(folder)
        let parent = folder.lastIndex(of: "/").map { String(folder[...$0]) } ?? "."
        guard access(folder, F_OK) != 0 || isThere else {
            throw UsageError("\(folder) is no folder")
        }
        guard Files.isWritable(isThere ? folder : parent) else {
            throw UsageError("\(folder) cannot be \(isThere ? "written to" : "made")")
        }
        good("data \(folder)\(isThere ? "" : ", which the start will make")")
    }

    private mutating func checkModels(_ command: ServeCommand) throws {
        let models = try command.makeEngine().models
        for model in models {
            let line = Wording.facts(of: model)
            if model.problem.isEmpty { good("model \(line)") } else { warning("model \(line)") }
        }
    }

    private mutating func good(_ text: String) {
        lines.append("ok       \(Wording.printable(text))")
    }

    private mutating func warning(_ text: String) {
        lines.append("warning  \(Wording.printable(text))")
    }

    private mutating func problem(_ text: String) {
        problemCount += 1
        lines.append("problem  \(Wording.printable(text))")
    }
}
