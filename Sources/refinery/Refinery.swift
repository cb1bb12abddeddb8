import ArgumentParser
import Glibc

/// The executable. Each subcommand is a thin composition root: flags and wiring only.
@main
struct Refinery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refinery",
        abstract: "Makes pictures with SDXL in two stages, base and refiner, on CPUs.",
        discussion: """
            EXAMPLES
              Make a picture in this process, with the small built-in models:
                refinery generate "a lighthouse at dawn" --output lighthouse.png
              Serve your own models, and use them from another terminal:
                refinery serve --models ~/models
                refinery generate "a lighthouse at dawn" --server 127.0.0.1:7420

            COMPLETIONS
              refinery --generate-completion-script bash > ~/.local/share/bash-completion/completions/refinery
              (or zsh, or fish)

            EXIT CODES
              0 done, 2 bad usage or request, 3 server unreachable, 4 failed, 130 interrupted
            """,
        version: version,
        subcommands: [
            ServeCommand.self, GenerateCommand.self, CompareCommand.self, WatchCommand.self,
            JobsCommand.self,
            ResumeCommand.self, CancelCommand.self, ModelsCommand.self, BenchCommand.self,
            LoadTestCommand.self,
        ])

    static let version = "0.1.0"

    /// Instead of the parser's own, which has other exit codes.
    static func main() async {
        do {
            let arguments = try ConfigurationFile.expand(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            switch exitCode(for: error) {
            case .success:
                end(.done, saying: fullMessage(for: error), on: .output)
            case .validationFailure:
                end(.badRequest, saying: fullMessage(for: error), on: .error)
            default:
                let status = ExitStatus(error)
                let reason = status == .interrupted ? "interrupted" : "\(error)"
                end(status, saying: "refinery: " + Wording.printable(reason), on: .error)
            }
        }
    }

    private static func end(
        _ status: ExitStatus, saying message: String, on stream: Terminal.Stream
    ) -> Never {
        Terminal.write(message + "\n", to: stream)
        Glibc.exit(status.rawValue)
    }
}
