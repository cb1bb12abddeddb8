import ArgumentParser
import Diffusion
import Generation

/// What a shell offers when Tab is pressed: see `refinery --generate-completion-script`.
enum Completions {
    /// A scheduler's name; dashes are as good as its spaces, and no trouble to shells.
    static let schedulers = CompletionKind.list(
        SchedulerName.all.map { String($0.map { $0 == " " ? "-" : $0 }) })

    static let file = CompletionKind.file()
    static let picture = CompletionKind.file(extensions: ["png", "PNG"])
    static let requests = CompletionKind.file(extensions: ["json"])

    static let models = CompletionKind.custom { words, _, prefix in
        names(of: [.base], after: words, beginning: prefix)
    }
    static let refiners = CompletionKind.custom { words, _, prefix in
        names(of: [.refiner], after: words, beginning: prefix)
    }
    static let loras = CompletionKind.custom { words, _, prefix in
        names(of: [.lora], after: words, beginning: prefix)
    }
    static let embeddings = CompletionKind.custom { words, _, prefix in
        names(of: [.embedding], after: words, beginning: prefix)
    }
    static let vaes = CompletionKind.custom { words, _, prefix in
        names(of: [.vae], after: words, beginning: prefix)
    }

    /// Of the models that the command line so far would use: those of --models, or the built-in ones. A server
    /// is not asked: it may be far away, and somebody waits for the Tab.
    static func names(
        of roles: Set<ModelDescription.Role>, after words: [String], beginning prefix: String
    ) -> [String] {
        let folder = words.lastIndex(of: "--models").map { words[($0 + 1)...].prefix(1) } ?? []
        guard !words.contains("--server"),
            let options = try? EngineOptions.parse(folder.isEmpty ? [] : ["--models"] + folder),
            let engine = try? Engine(options)
        else { return [] }
        return engine.models.filter { roles.contains($0.role) && $0.problem.isEmpty }.map(\.id)
            .filter { $0.hasPrefix(prefix) }
    }
}
