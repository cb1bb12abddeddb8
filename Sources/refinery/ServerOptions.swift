import ArgumentParser
import Client

/// The server whose jobs a command is about.
struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server, HOST:PORT or unix:PATH.", valueName: "address"))
    var server = "127.0.0.1:7420"

    @OptionGroup var access: CallerOptions

    /// - Throws: `ClientError` when the address is none, and what the token's file gives cause for. Nothing is
    ///   connected yet.
    func client() throws -> RefineryClient {
        try RefineryClient(server, options: try access.clientOptions())
    }
}
