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

    /// Reads `{"aliases": {"civitai:...": "file-stem"}}`; nothing where there is no such file.
    static func read(directory: String) throws(ModelCatalogError) -> [String: String] {
        let path = directory + "/" + fileName
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        do {
            return try JSONDecoder().decode(
                Contents.self, from: Data(contentsOf: URL(filePath: path))
            )
            .aliases
        } catch {
            throw ModelCatalogError(
                "\(fileName) in the models directory cannot be read: it must be JSON such as "
                    + "{\"aliases\": {\"civitai:101055@128078\": \"name of a file, without "
                    + ".safetensors\"}}. \(words(error))")
        }
    }

    private struct Contents: Decodable {
        var aliases: [String: String]
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
