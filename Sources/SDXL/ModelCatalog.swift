internal import CEmbeddedModels
internal import FoundationEssentials
public import Generation
public import Weights

/// The models there are: every `.safetensors` file of the models directory, in the order of their
/// names, then the built-in SDXL base and refiner.
///
/// Of each file the header is read and the rest mapped. Immutable: files that appear later are not
/// seen. A file that cannot be used is listed with its problem, so that a request for it is told
/// why, and never gets another model's picture.
public struct ModelCatalog: Sendable {
    /// In the order to show them.
    public let models: [ModelDescription]
    /// What a request gets that names no model: the directory's SDXL base by its published name or
    /// alias, else its first base by name, else the built-in one.
    public let defaultBaseID: String
    private let files: [String: ModelFile]

    public static let builtInBaseID = "tiny-base"
    public static let builtInRefinerID = "tiny-refiner"

    /// - Parameter directory: the models directory; nil for the built-in models alone.
    public init(directory: String? = nil) throws(ModelCatalogError) {
        var entries = try directory.map(Self.entries) ?? []
        // A file may take the place of a built-in model by its name.
        let names = Set(entries.map(\.id))
        entries += Self.builtIn.filter { !names.contains($0.id) }

        let ids = Set(entries.map(\.id))
        var aliases = try ModelAliases.resolve(
            ids: ids, chosen: try directory.map(ModelAliases.read) ?? [:])
        for (names, id) in [
            (ModelAliases.base, Self.builtInBaseID), (ModelAliases.refiner, Self.builtInRefinerID),
        ] where ids.contains(id) {
            for name in names where aliases[name] == nil { aliases[name] = id }
        }

        models = entries.map { entry in
            let own = aliases.filter { $0.value == entry.id }.keys.sorted()
            return ModelDescription(entry, aliases: own)
        }
        files = entries.reduce(into: [:]) { $0[$1.id] = try? $1.file.get() }
        let published = ModelAliases.base.lazy.compactMap { aliases[$0] }.first
        defaultBaseID =
            published.flatMap { $0 == Self.builtInBaseID ? nil : $0 }
            ?? models.first { $0.role == .base }?.id ?? Self.builtInBaseID
    }

    /// The file of a model, by its id or an alias; nil where it is unknown or could not be opened.
    public func file(for name: String) -> ModelFile? {
        files[name] ?? models.first { $0.aliases.contains(name) }.flatMap { files[$0.id] }
    }
}

// MARK: - Finding them

extension ModelCatalog {
    fileprivate struct Entry {
        var id: String
        var file: Result<ModelFile, ModelFileError>
    }

    private static let suffix = ".safetensors"

    private static func entries(directory: String) throws(ModelCatalogError) -> [Entry] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw ModelCatalogError(
                "the models directory \"\(directory)\" cannot be read: give a folder that exists "
                    + "and may be read, or none for the built-in models")
        }
        // A name that begins with a dot is hidden, often an unfinished download.
        return names.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted().map { name in
            Entry(
                id: String(name.dropLast(suffix.count)),
                file: Result { () throws(ModelFileError) in
                    try ModelFile(path: directory + "/" + name)
                })
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
                file: Result { () throws(ModelFileError) in
                    try ModelFile(name: id, permanent: start, byteCount: byteCount)
                })
        }
        return [
            entry(builtInBaseID) { refinery_embedded_base(&$0) },
            entry(builtInRefinerID) { refinery_embedded_refiner(&$0) },
        ]
    }()
}

// MARK: - Describing them

extension ModelDescription {
    fileprivate init(_ entry: ModelCatalog.Entry, aliases: [String]) {
        switch entry.file {
        case .success(let file):
            let architecture = ModelArchitecture(file)
            let problem = Self.problem(file, architecture)
            // SDXL has 320 model channels and was trained at 1024 x 1024; fewer are test models.
            let input = file.shape(of: "model.diffusion_model.input_blocks.0.0.weight")
            let isSmall = (input?.first).map { $0 < 320 } ?? false
            let side = isSmall ? 128 : 1024
            self.init(
                id: entry.id, aliases: aliases, architecture: architecture.name,
                role: problem == nil
                    ? (architecture == .sdxlRefiner ? .refiner : .base) : .unusable,
                dtype: file.typeSummary, byteCount: Int64(file.byteCount),
                parameterCount: Int64(file.parameterCount),
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

    /// Why a file that is sound by itself is no expert; nil if it may be one.
    private static func problem(_ file: ModelFile, _ architecture: ModelArchitecture) -> String? {
        switch architecture {
        case .sdxlBase, .sdxlRefiner: break
        case .sdxlInpainting, .sdxlEditing, .stableDiffusion1, .stableDiffusion2, .stableDiffusion3,
            .flux, .hiDream, .stableCascade, .pixArt, .diffusionTransformer, .lora, .controlNet,
            .vae, .textEncoder, .unknown:
            return
                "its architecture is \(architecture.name); this server makes pictures with SDXL base and "
                + "refiner checkpoints"
        }
        let prediction = PredictionType(file)
        guard prediction == .epsilon else {
            return "it uses \(prediction.rawValue) prediction; this server knows epsilon prediction"
        }
        let isBase = architecture == .sdxlBase
        var missing: [String] = []
        func require(_ prefix: String, _ what: String) {
            if !file.contains(prefix: prefix) { missing.append("\(what) (\(prefix)*)") }
        }
        require("model.diffusion_model.", "the U-Net in the original layout")
        if isBase {
            require("conditioner.embedders.0.transformer.text_model.", "the CLIP-L text encoder")
        }
        require("conditioner.embedders.\(isBase ? 1 : 0).model.", "the OpenCLIP text encoder")
        if isBase { require("first_stage_model.", "the VAE") }
        return missing.isEmpty
            ? nil
            : "it lacks \(missing.joined(separator: " and ")); take the whole checkpoint in one "
                + "file, as published"
    }
}
