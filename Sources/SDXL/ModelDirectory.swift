internal import FoundationEssentials
internal import Weights

/// What lies in a models directory, seen from outside: no file of a model is opened. Two that are equal
/// hold the same models.
struct ModelDirectory: Equatable {
    let path: String
    /// In the order of their names.
    let places: [Place]
    /// Of the file with the aliases; nil where there is none.
    private let manifest: FileStamp?

    /// One model: a file, or a folder in diffusers' layout.
    struct Place: Hashable {
        /// What requests call it.
        let id: String
        let name: String
        let path: String
        let isFolder: Bool
        /// Each file of it by its path.
        let stamps: [String: FileStamp]
    }

    private static let suffix = ".safetensors"

    init(path: String) throws(ModelCatalogError) {
        guard let all = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw ModelCatalogError(
                "the models directory \"\(path)\" cannot be read: give a folder that exists "
                    + "and may be read, or none for the built-in models")
        }
        self.path = path
        manifest = FileStamp(path: path + "/" + ModelAliases.fileName)
        // A name that begins with a dot is hidden, often an unfinished download.
        let names = all.filter { !$0.hasPrefix(".") }.sorted()
        places = names.compactMap { name in
            let place = path + "/" + name
            if DiffusersFolder.isPresent(at: place) {
                // A file beside it of the same name keeps that name.
                let id = names.contains(name + Self.suffix) ? name + " (folder)" : name
                return Place(
                    id: id, name: name, path: place, isFolder: true,
                    stamps: Self.stamps(below: place))
            }
            guard name.hasSuffix(Self.suffix) else { return nil }
            return Place(
                id: String(name.dropLast(Self.suffix.count)), name: name, path: place,
                isFolder: false, stamps: Self.stamps([place]))
        }
    }

    private static func stamps(below folder: String) -> [String: FileStamp] {
        let parts = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return stamps(
            parts.flatMap { part in
                let path = folder + "/" + part
                let files = try? FileManager.default.contentsOfDirectory(atPath: path)
                return files.map { $0.map { path + "/" + $0 } } ?? [path]
            })
    }

    private static func stamps(_ paths: [String]) -> [String: FileStamp] {
        paths.reduce(into: [:]) { $0[$1] = FileStamp(path: $1) }
    }
}
