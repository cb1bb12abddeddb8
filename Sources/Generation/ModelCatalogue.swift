/// Finds the models that a request names and says what is wrong with them in the role asked of them.
struct ModelCatalogue {
    private let models: [ModelDescription]

    init(_ models: [ModelDescription]) {
        self.models = models
    }

    /// The model that starts the picture, or alone goes on with one that the request brings.
    ///
    /// - Parameters:
    ///   - name: id or alias; nil or empty for the default.
    ///   - defaultName: likewise; empty for the first base model there is.
    ///   - withRefiner: whether a refiner is to finish the picture, which only SDXL allows.
    ///   - onPicture: whether there is a picture to start from, which a refiner can do by itself.
    func first(
        _ name: String?, default defaultName: String, withRefiner: Bool, onPicture: Bool
    ) throws(GenerationError) -> ModelDescription {
        let model: ModelDescription
        if let name = name.nonEmpty ?? Optional(defaultName).nonEmpty {
            model = try find(name, field: "model", role: .base)
        } else if let first = models.first(where: { $0.role == .base }) {
            model = first
        } else {
            throw GenerationError(
                .notFound, code: "modelNotFound",
                "There is no base model here. \(listing(.base))", fields: ["model"])
        }
        if withRefiner, model.role != .refiner,
            model.architecture != ModelDescription.baseArchitecture
        {
            throw GenerationError(
                .failedPrecondition, code: "incompatibleRefiner",
                "The refiner continues the latents of an SDXL base model only, and "
                    + "\(quoted(model.id)) is \(model.architecture). Leave the refiner out and take "
                    + "more steps, or finish the picture with image-to-image or an upscaler; or take "
                    + "an SDXL base model. \(listing(.base))",
                fields: ["refiner.model", "model"])
        }
        switch model.role {
        case .base: return model
        case .refiner where onPicture && !withRefiner: return model
        case .refiner:
            throw GenerationError(
                .failedPrecondition, code: "invalidModel",
                "\(quoted(model.id)) is \(model.architecture), which finishes pictures and cannot "
                    + "start them: name it as refiner.model, and a base model as model; or give "
                    + "seedImage and no refiner, to finish that picture. "
                    + listing(.base),
                fields: ["model"])
        case .lora, .embedding, .vae: throw notWhole(model, field: "model")
        case .unusable: throw unusable(model, field: "model")
        }
    }

    /// What decodes in place of the model's own; nil where none is named.
    func vae(_ name: String?) throws(GenerationError) -> ModelDescription? {
        guard let name = name.nonEmpty else { return nil }
        let model = try find(name, field: "vae", role: .vae)
        guard model.role == .vae else {
            throw GenerationError(
                .failedPrecondition, code: "invalidVae",
                "\(quoted(model.id)) is \(model.architecture), not a VAE by itself. A model's own VAE "
                    + "is used when vae is left out. \(listing(.vae))",
                fields: ["vae"])
        }
        return model
    }

    /// The model that finishes the picture.
    func refiner(_ name: String) throws(GenerationError) -> ModelDescription {
        let field = "refiner.model"
        let model = try find(name, field: field, role: .refiner)
        if model.role == .unusable,
            model.architecture == ModelDescription.refinerArchitecture
        {
            throw unusable(model, field: field)
        }
        guard model.role == .refiner else {
            throw GenerationError(
                .failedPrecondition, code: "invalidRefinerModel",
                "\(quoted(model.id)) is \(model.architecture), not the SDXL refiner, and cannot take "
                    + "over latents. Take more steps without a refiner, or finish the picture with "
                    + "image-to-image or an upscaler. \(listing(.refiner))",
                fields: [field])
        }
        return model
    }

    func find(
        _ name: String, field: String, role: ModelDescription.Role
    ) throws(GenerationError) -> ModelDescription {
        if let model = models.first(where: { $0.id == name }) { return model }
        if let model = models.first(where: { $0.aliases.contains(name) }) { return model }
        if let model = try hashed(name, field: field) { return model }
        let near = nearest(to: name, among: models.flatMap { [$0.id] + $0.aliases })
        let suggestion = near.map { "Did you mean \(quoted($0))? " } ?? ""
        throw GenerationError(
            .notFound, code: "modelNotFound",
            "No model is called \(quoted(name)). \(suggestion)\(listing(role))", fields: [field])
    }

    /// The model whose file has this SHA-256: all of it, or the first 10 digits, as user interfaces show
    /// it. Nil where there is none. Copies of one file are as good as each other.
    private func hashed(
        _ name: String, field: String
    ) throws(GenerationError) -> ModelDescription? {
        guard [10, 64].contains(name.utf8.count), name.allSatisfy(\.isHexDigit) else { return nil }
        let found = models.filter { $0.sha256.hasPrefix(name.lowercased()) }
        guard Set(found.map(\.sha256)).count <= 1 else {
            throw GenerationError(
                .invalidArgument, code: "ambiguousModel",
                "\(quoted(name)) begins the hashes of several models: "
                    + found.map { quoted($0.id) }.joined(separator: ", ")
                    + ". Give all 64 digits, or a name.",
                fields: [field])
        }
        return found.first
    }

    func unusable(
        _ model: ModelDescription, field: String, listing role: ModelDescription.Role = .base
    ) -> GenerationError {
        let problem = model.problem.isEmpty ? "" : ": \(model.problem)"
        return GenerationError(
            .failedPrecondition, code: "modelUnavailable",
            "\(quoted(model.id)) (\(model.architecture)) cannot be used\(problem). "
                + listing(role),
            fields: [field])
    }

    /// What there is in a role, shortened, so that the message stays readable.
    func listing(_ role: ModelDescription.Role) -> String {
        let kind =
            switch role {
            case .refiner: "Refiners"
            case .lora: "LoRA"
            case .embedding: "Embeddings"
            case .vae: "VAEs"
            case .base, .unusable: "Base models"
            }
        let names = models.filter { $0.role == role }.map { quoted($0.id) }
        let more = names.count > 8 ? " and \(names.count - 8) more" : ""
        return names.isEmpty
            ? "\(kind) here: none."
            : "\(kind) here: \(names.prefix(8).joined(separator: ", "))\(more)."
    }
}
