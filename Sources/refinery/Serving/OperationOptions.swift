import ArgumentParser
import Transport

/// How a server is run and watched.
struct OperationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "File of flags, a line each: KEY = VALUE with the flags' names. What the command line says "
                + "counts before it.", valueName: "file"))
    var config: String?

    @Flag(help: "Check flags, tokens, folders and models, say what was found, and end.")
    var check = false

    @Option(
        help: ArgumentHelp(
            "Where /metrics (OpenMetrics) and /healthz are answered over HTTP: loopback or unix:PATH. Nowhere "
                + "unless given.", valueName: "address"))
    var admin: String?

    @Option(
        help:
            "Seconds that running jobs have to finish at SIGTERM; then they are kept (--data) or ended."
    )
    var drainSeconds = 25.0

    @Option(help: "The log's lines: text or json.")
    var logFormat = LogFormat.text

    @Option(help: "The least important lines in the log: debug, info, notice, warning or error.")
    var logLevel = LogLevel.info

    @Flag(help: "Put the prompts of new jobs into the log.")
    var logPrompts = false

    func validate() throws {
        guard (0...86_400).contains(drainSeconds) else {
            throw ValidationError("--drain-seconds is \(drainSeconds): give 0 to 86400.")
        }
    }

    /// Nil for nowhere.
    ///
    /// - Throws: ``UsageError``.
    func adminAddress() throws -> SocketAddress? {
        try admin.map { text in
            let address = try SocketAddress(text)
            guard address.isLoopback else {
                throw UsageError(
                    "--admin \(text) can be reached from other machines, and the admin port asks nobody "
                        + "who they are. Give 127.0.0.1:PORT, [::1]:PORT or unix:PATH.")
            }
            return address
        }
    }
}
