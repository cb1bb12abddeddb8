internal import Generation
internal import Weights

/// The models of one catalog, ready to compute. Immutable; a job keeps the experts that it began with.
struct LoadedModels: Sendable {
    let catalog: ModelCatalog
    /// The catalog's, where a file turned out not to be usable with its problem.
    private(set) var models: [ModelDescription]
    /// By the ids of the models.
    let experts: [String: Expert]
    let inversions: [String: TextualInversion]
    let loras: LoRALibrary
    let vaes: [String: VAE]

    /// - Parameter old: whose experts are taken over where their files are the same.
    init(_ catalog: ModelCatalog, hashes: FileHashes, reusing old: LoadedModels?) {
        var experts: [String: Expert] = [:]
        var inversions: [String: TextualInversion] = [:]
        var loras: [String: LoRAFile] = [:]
        var vaes: [String: VAE] = [:]
        var models = catalog.models
        for index in models.indices {
            let id = models[index].id
            if let hash = catalog.file(of: id).flatMap({ hashes[$0] }) {
                models[index].setHash(hash, demanded: catalog.demandedHashes[id])
            }
            guard let model = catalog.stored(id) else { continue }
            if let known = old?.experts[id], model.files.first === known.files.first {
                experts[id] = known
                continue
            }
            do {
                switch models[index].role {
                case .base: experts[id] = try Expert(base: model)
                case .refiner: experts[id] = try Expert(refiner: model)
                case .embedding: inversions[id] = try TextualInversion(model)
                case .lora: loras[id] = try LoRAFile(model.unet.file)
                case .vae: vaes[id] = try VAE(model)
                case .unusable: break
                }
            } catch {
                models[index].role = .unusable
                models[index].problem = "\(error)"
            }
        }
        self.catalog = catalog
        self.models = models
        self.experts = experts
        self.inversions = inversions
        self.vaes = vaes
        self.loras = LoRALibrary(loras, experts: experts)
    }

    /// The usable models that are files whose hash is not known.
    var unhashedFiles: [(id: String, file: ModelDirectory.Place)] {
        models.filter { $0.role != .unusable && $0.sha256.isEmpty }.compactMap { model in
            catalog.file(of: model.id).map { (model.id, $0) }
        }
    }

    /// Nil where the model is no longer that file.
    mutating func setHash(
        _ sha256: String, of file: ModelDirectory.Place, id: String
    ) -> ModelDescription? {
        guard catalog.file(of: id) == file,
            let index = models.firstIndex(where: { $0.id == id })
        else { return nil }
        models[index].setHash(sha256, demanded: catalog.demandedHashes[id])
        return models[index]
    }
}

extension ModelDescription {
    /// - Parameter demanded: with another hash, the model is not usable.
    fileprivate mutating func setHash(_ sha256: String, demanded: String?) {
        self.sha256 = sha256
        guard role != .unusable, let demanded, sha256 != demanded else { return }
        role = .unusable
        problem =
            "its SHA-256 is \(sha256), and \(ModelAliases.fileName) demands \(demanded): take the "
            + "file as published, or correct \(ModelAliases.fileName)"
    }
}
