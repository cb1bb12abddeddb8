import ArgumentParser
import Generation

struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Lists models with what was found in each file.",
        discussion: """
            EXAMPLES
              refinery models --models ~/models
              refinery models --server 127.0.0.1:7420 --json
            """,
        subcommands: [MakeSyntheticCommand.self])

    @OptionGroup var source: SourceOptions

    @Flag(help: "List as JSON, an object a line.")
    var json = false

    func run() async throws {
        let pictures = try source.open()
        let models = try await pictures.models()
        try await pictures.close()
        Terminal.write(json ? ModelList.json(models) : ModelList.text(models), to: .output)
    }
}
