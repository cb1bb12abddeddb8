internal import CEmbeddedModels
public import Generation
internal import Weights

/// The models there are: every `.safetensors` file and every folder in diffusers' layout of the models
/// directory, in the order of their names, then the built-in SDXL models: a small trained pair that draws emoji, and a tiny
/// one with random weights, for tests.
///
/// Of each file the header is read and the rest mapped. Immutable: what happens in the directory later
/// is in the next catalog, ``refreshed()``. A file that cannot be used is listed with its problem, so
/// that a request for it is told why, and never gets another model's picture.
public struct ModelCatalog: Sendable {
    /// In the order to show them.
    public let models: [ModelDescription]
    /// What a request gets that names no model: the directory's SDXL base by its published name or
    /// alias, else its first base by name, else the built-in one.
    public let defaultBaseID: String
    private let stored: [String: StoredModel]
    private let directory: ModelDirectory?
    private let entries: [Entry]
    /// By id: the SHA-256 that the file must have, as the manifest says.
    let demandedHashes: [String: String]

    public static let builtInBaseID = "emoji"
    public static let builtInRefinerID = "emoji-refiner"
    public static let tinyBaseID = "tiny-base"
    public static let tinyRefinerID = "tiny-refiner"
    /// The built-in experts that belong together.
    static let builtInPairs = [
        (base: builtInBaseID, refiner: builtInRefinerID),
        (base: tinyBaseID, refiner: tinyRefinerID),
    ]

    /// - Parameter directory: the models directory; nil for the built-in models alone.
    public init(directory: String? = nil) throws(ModelCatalogError) {
        try self.init(directory.map(ModelDirectory.init(path:)), reusing: nil)
    }

    /// What there is now; nil if it is the same. Files that stayed as they were are not opened again, and
    /// whoever computes with one that did not keeps what is mapped.
    public func refreshed() throws(ModelCatalogError) -> ModelCatalog? {
        guard let directory else { return nil }
        let now = try ModelDirectory(path: directory.path)
        guard now != directory || !entries.allSatisfy(\.isSound) else { return nil }
        return try ModelCatalog(now, reusing: self)
    }

    private init(
        _ directory: ModelDirectory?, reusing old: ModelCatalog?
    ) throws(ModelCatalogError) {
        let known = Dictionary(
            uniqueKeysWithValues: (old?.entries ?? []).compactMap { entry in
                entry.isSound ? entry.place.map { ($0, entry) } : nil
            })
        var entries = (directory?.places ?? []).map { known[$0] ?? Entry($0) }
        // A file may take the place of a built-in model by its name.
        let names = Set(entries.map(\.id))
        entries += Self.builtIn.filter { !names.contains($0.id) }

        let ids = Set(entries.map(\.id))
        var chosen: (aliases: [String: String], sha256: [String: String]) = ([:], [:])
        if let directory {
            chosen = try ModelAliases.read(directory: directory.path, ids: ids)
        }
        demandedHashes = chosen.sha256
        var aliases = try ModelAliases.resolve(ids: ids, chosen: chosen.aliases)
        for (names, id) in [
            (ModelAliases.base, Self.builtInBaseID), (ModelAliases.refiner, Self.builtInRefinerID),
        ] where ids.contains(id) {
            for name in names where aliases[name] == nil { aliases[name] = id }
        }

        self.directory = directory
        self.entries = entries
        models = entries.map { entry in
            let own = aliases.filter { $0.value == entry.id }.keys.sorted()
            return ModelDescription(entry, aliases: own)
        }
        stored = entries.reduce(into: [:]) { $0[$1.id] = try? $1.model.get() }
        let published = ModelAliases.base.lazy.compactMap { aliases[$0] }.first
        defaultBaseID =
            published.flatMap { $0 == Self.builtInBaseID ? nil : $0 }
            ?? models.first { $0.role == .base }?.id ?? Self.builtInBaseID
    }

    /// A model by its id or an alias; nil where it is unknown or could not be opened.
    public func stored(_ name: String) -> StoredModel? {
        stored[name] ?? models.first { $0.aliases.contains(name) }.flatMap { stored[$0.id] }
    }

    /// The path of the models directory; nil for the built-in models alone.
    var directoryPath: String? { directory?.path }

    /// Where a model lies that is one file; nil for others.
    func file(of id: String) -> ModelDirectory.Place? {
        entries.first { $0.id == id }?.place.flatMap { $0.isFolder ? nil : $0 }
    }
}

// MARK: - Opening them

extension ModelCatalog {
    fileprivate struct Entry {
        var id: String
        /// Nil for a built-in model.
        var place: ModelDirectory.Place?
        var model: Result<StoredModel, ModelFileError>

        /// Whether opening it again would give the same, as far as its mappings know.
        var isSound: Bool {
            guard let model = try? model.get() else { return true }
            return (try? model.checkUnchanged()) != nil
        }
    }

    private static let builtIn: [Entry] = {
        func entry(_ id: String, _ bytes: (_ byteCount: inout Int) -> UnsafeRawPointer?) -> Entry {
            var byteCount = 0
            guard let start = bytes(&byteCount) else {
                preconditionFailure("the executable holds no model \(id)")
            }
            return Entry(
                id: id,
                model: Result { () throws(ModelFileError) in
                    try StoredModel(
                        ModelFile(name: id, permanent: start, byteCount: byteCount))
                })
        }
        return [
            entry(builtInBaseID) { refinery_embedded_emoji(&$0) },
            entry(builtInRefinerID) { refinery_embedded_emoji_refiner(&$0) },
            entry(tinyBaseID) { refinery_embedded_tiny_base(&$0) },
            entry(tinyRefinerID) { refinery_embedded_tiny_refiner(&$0) },
        ]
    }()
}

extension ModelCatalog.Entry {
    init(_ place: ModelDirectory.Place) {
        id = place.id
        self.place = place
        model = Result { () throws(ModelFileError) in
            place.isFolder
                ? try StoredModel(DiffusersFolder(path: place.path), name: place.name)
                : try StoredModel(ModelFile(path: place.path))
        }
    }
}

// MARK: - Describing them

extension ModelDescription {
    fileprivate init(_ entry: ModelCatalog.Entry, aliases: [String]) {
        switch entry.model {
        case .success(let model):
            let architecture = model.architecture
            let problem = Self.problem(model, architecture)
            // SDXL has 320 model channels and was trained at 1024 x 1024; fewer are test models.
            let input = model.unet.shape(of: "input_blocks.0.0.weight")
            let isSmall = (input?.first).map { $0 < 320 } ?? false
            let side = isSmall ? 128 : 1024
            self.init(
                id: entry.id, aliases: aliases, architecture: architecture.name,
                role: problem == nil ? Self.role(architecture) : .unusable,
                dtype: model.unet.file.typeSummary,
                byteCount: Int64(model.files.reduce(0) { $0 + $1.byteCount }),
                parameterCount: Int64(model.files.reduce(0) { $0 + $1.parameterCount }),
                defaultSize: ImageSize(height: side, width: side),
                minimumSide: isSmall ? 64 : 128, problem: problem ?? "")
        case .failure(let error):
            self.init(
                id: entry.id, aliases: aliases, architecture: "unreadable", role: .unusable,
                dtype: "", byteCount: 0, parameterCount: 0,
                defaultSize: ImageSize(height: 1024, width: 1024), minimumSide: 128,
                problem: error.description)
        }
    }

    private static func role(_ architecture: ModelArchitecture) -> Role {
        switch architecture {
        case .sdxlRefiner: .refiner
        case .textualInversion: .embedding
        case .lora: .lora
        case .vae: .vae
        default: .base
        }
    }

    /// Why a model that is sound by itself is no expert; nil if it may be one.
    private static func problem(_ model: StoredModel, _ architecture: ModelArchitecture) -> String?
    {
        switch architecture {
        case .sdxlBase, .sdxlRefiner: break
        // What it holds is read when the generator is made.
        case .textualInversion, .lora, .vae: return nil
        case .sdxlInpainting, .sdxlEditing, .stableDiffusion1, .stableDiffusion2, .stableDiffusion3,
            .flux, .hiDream, .stableCascade, .pixArt, .diffusionTransformer, .controlNet,
            .latentConsistency, .textEncoder, .unknown:
            return "its architecture is \(architecture.name); this server makes pictures with SDXL "
                + "base and refiner checkpoints"
        }
        guard model.prediction == .epsilon else {
            return "it uses \(model.prediction.rawValue) prediction; this server knows epsilon "
                + "prediction"
        }
        let missing = model.missingParts(isBase: architecture == .sdxlBase)
        return missing.isEmpty
            ? nil
            : "it lacks \(missing.joined(separator: " and ")); take the whole checkpoint, as "
                + "published"
    }
}
