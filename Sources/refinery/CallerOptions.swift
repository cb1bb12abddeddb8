import ArgumentParser
import Client
import Glibc

/// Who calls a server, and how patiently.
struct CallerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "File that holds the token for the server; the variable REFINERY_TOKEN may hold it instead.",
            valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "How long to ask again what the server refuses for now, such as when its queue is full, as late as it says; not at all unless given.",
            valueName: "seconds"))
    var retry = 0.0

    func validate() throws {
        guard (0...1e6).contains(retry) else {
            throw ValidationError("--retry is \(retry): give 0 to 1000000 seconds.")
        }
    }

    /// - Throws: as ``token()`` does.
    func clientOptions() throws -> RefineryClient.Options {
        var options = RefineryClient.Options(token: try token())
        options.retryLimit = .seconds(retry)
        return options
    }

    /// - Throws: ``UsageError``, ``FileError``.
    func token() throws -> String? {
        guard let tokenFile else {
            return getenv("REFINERY_TOKEN").map { String(cString: $0) }.flatMap {
                $0.isEmpty ? nil : $0
            }
        }
        let words = String(decoding: try Files.read(tokenFile), as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        guard words.count == 1 else {
            throw UsageError(
                "--token-file \(tokenFile): there must be one token in it, and nothing else.")
        }
        return String(words[0])
    }
}
