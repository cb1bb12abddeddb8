import ArgumentParser
import Generation
import SDXL

struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Lists models with what was found in each file.",
        discussion: """
            EXAMPLES
              refinery models --models ~/models
              refinery models --models ~/models --hash
              refinery models --server 127.0.0.1:7420 --json
            """,
        subcommands: [MakeSyntheticCommand.self])

    @OptionGroup var source: SourceOptions

    @Flag(help: "List as JSON, an object a line.")
    var json = false

    @Flag(
        help:
            "Read every file for its SHA-256, by which requests may name it; 7 GB take half a minute."
    )
    var hash = false

    func validate() throws {
        if hash, source.server != nil {
            throw ValidationError("--hash reads files here; a server reads its own by itself.")
        }
    }

    func run() async throws {
        let models = try hash ? hashedModels() : nil
        if let models {
            show(models)
            return
        }
        let pictures = try source.open()
        show(try await pictures.models())
        try await pictures.close()
    }

    private func hashedModels() throws -> [ModelDescription] {
        let engine = try Engine(source.engine)
        var shown = ""
        func progress(_ id: String, _ share: Double) -> Bool {
            let line = "reading \(Wording.printable(id)): \(Int(share * 100)) %"
            if line != shown { Terminal.write("\r" + line, to: .error) }
            shown = line
            return true
        }
        while engine.generator.hashNext(while: progress) != nil { Terminal.write("\n", to: .error) }
        return engine.models
    }

    private func show(_ models: [ModelDescription]) {
        Terminal.write(json ? ModelList.json(models) : ModelList.text(models), to: .output)
    }
}
