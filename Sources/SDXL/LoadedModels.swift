internal import Generation
internal import Weights

/// The models of one catalog, ready to compute. Immutable; a job keeps the experts that it began with.
struct LoadedModels: Sendable {
    let catalog: ModelCatalog
    /// The catalog's, where a file turned out not to be usable with its problem.
    let models: [ModelDescription]
    /// By the ids of the models.
    let experts: [String: Expert]
    let inversions: [String: TextualInversion]
    let loras: LoRALibrary

    /// - Parameters:
    ///   - vae: decodes in place of every base's own.
    ///   - old: whose experts are taken over where their files are the same.
    init(_ catalog: ModelCatalog, vae: StoredModel?, reusing old: LoadedModels?) {
        var experts: [String: Expert] = [:]
        var inversions: [String: TextualInversion] = [:]
        var loras: [String: LoRAFile] = [:]
        var models = catalog.models
        for index in models.indices {
            let id = models[index].id
            guard let model = catalog.stored(id) else { continue }
            if let known = old?.experts[id], model.files.first === known.files.first {
                experts[id] = known
                continue
            }
            do {
                switch models[index].role {
                case .base: experts[id] = try Expert(base: model, vae: vae)
                case .refiner: experts[id] = try Expert(refiner: model)
                case .embedding: inversions[id] = try TextualInversion(model)
                case .lora: loras[id] = try LoRAFile(model.unet.file)
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
        self.loras = LoRALibrary(loras, experts: experts)
    }
}
