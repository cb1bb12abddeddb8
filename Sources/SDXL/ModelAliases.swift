internal import FoundationEssentials

/// The names beside their file names by which requests know models.
///
/// By the first of: `models.json`, the well-known names of published files, the built-in models.
enum ModelAliases {
    static let base = ["civitai:101055@128078"]
    static let refiner = ["civitai:101055@128080", "runware:101055@128080"]

    /// The name of the optional file beside the models.
    static let fileName = "models.json"

    /// Published files, by name without extension; of several that are there the first has the aliases.
    private static let published: [(aliases: [String], ids: [String])] = [
        (base, ["sd_xl_base_1.0_0.9vae", "sd_xl_base_1.0", "sdXL_v10VAEFix", "sdXL_v10"]),
        (refiner, ["sd_xl_refiner_1.0_0.9vae", "sd_xl_refiner_1.0", "sdXL_v10RefinerVAEFix"]),
    ]

    /// Alias -> id, for models with these ids.
    static func resolve(
        ids: Set<String>, chosen: [String: String]
    ) throws(ModelCatalogError) -> [String: String] {
        var aliases: [String: String] = [:]
        for (alias, id) in chosen.sorted(by: { $0.key < $1.key }) {
            guard ids.contains(id) else {
                throw ModelCatalogError(
                    "\(fileName): the alias \"\(alias)\" is for \"\(id)\", but there is no such "
                        + "model. There are: \(ids.sorted().joined(separator: ", "))")
            }
            guard !alias.isEmpty, !ids.contains(alias) else {
                throw ModelCatalogError(
                    "\(fileName): \"\(alias)\" cannot be an alias: "
                        + (alias.isEmpty ? "it is empty" : "a model has that name"))
            }
            aliases[alias] = id
        }
        for (names, files) in published {
            guard let id = files.first(where: ids.contains) else { continue }
            for name in names where aliases[name] == nil { aliases[name] = id }
        }
        return aliases
    }

    /// Reads `{"aliases": {"civitai:...": "file-stem"}}` and `{"models": {"file-stem": {"aliases": [...],
    /// "sha256": "..."}}}`, either or both; nothing where there is no such file. What it says in `models`
    /// of one that is not there waits for it.
    ///
    /// - Parameter ids: of the models that there are.
    static func read(
        directory: String, ids: Set<String>
    ) throws(ModelCatalogError) -> (aliases: [String: String], sha256: [String: String]) {
        let path = directory + "/" + fileName
        guard FileManager.default.fileExists(atPath: path) else { return ([:], [:]) }
        let contents: Contents
        do {
            contents = try JSONDecoder().decode(
                Contents.self, from: Data(contentsOf: URL(filePath: path)))
        } catch {
            throw ModelCatalogError(
                "\(fileName) in the models directory cannot be read: it must be JSON such as "
                    + "{\"aliases\": {\"civitai:101055@128078\": \"name of a file, without "
                    + ".safetensors\"}}. \(words(error))")
        }
        var aliases = contents.aliases
        var hashes: [String: String] = [:]
        for (id, model) in contents.models.sorted(by: { $0.key < $1.key }) where ids.contains(id) {
            for alias in model.aliases ?? [] {
                guard aliases.updateValue(id, forKey: alias).map({ $0 == id }) ?? true else {
                    throw ModelCatalogError(
                        "\(fileName): the alias \"\(alias)\" is for two models, one of them "
                            + "\"\(id)\"")
                }
            }
            guard let hash = model.sha256?.lowercased() else { continue }
            guard FileHashes.isDigest(hash) else {
                throw ModelCatalogError(
                    "\(fileName): the sha256 of \"\(id)\" must be 64 hex digits")
            }
            hashes[id] = hash
        }
        return (aliases, hashes)
    }

    private struct Contents: Decodable {
        var aliases: [String: String]
        var models: [String: Model]

        struct Model: Decodable {
            var aliases: [String]?
            var sha256: String?
        }

        private enum Key: CodingKey { case aliases, models }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            models = try values.decodeIfPresent([String: Model].self, forKey: .models) ?? [:]
            aliases =
                values.contains(.models) && !values.contains(.aliases)
                ? [:] : try values.decode([String: String].self, forKey: .aliases)
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _)?: "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?:
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has another type"
        case .dataCorrupted?: "It is not JSON"
        default: "\(error)"
        }
    }
}
