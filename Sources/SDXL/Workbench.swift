public import Generation
internal import Weights

/// The parts of a generation, each to be run by itself on made-up inputs: for measuring.
public struct Workbench: Sendable {
    /// What can be run.
    public enum Part: String, CaseIterable, Sendable {
        /// The base's text encoders.
        case text
        /// One prediction of the base's UNet.
        case base
        /// One prediction of the refiner's UNet.
        case refiner
        /// The VAE, latents to pixels.
        case decode
        /// The VAE, pixels to latents.
        case encode

        /// Whether guidance doubles it.
        public var isGuided: Bool { self != .decode && self != .encode }
    }

    public let base: ModelDescription
    /// Nil where there is none to go with the base.
    public let refiner: ModelDescription?
    let baseExpert: Expert
    let refinerExpert: Expert?

    /// Opens the models; reads no weights.
    ///
    /// - Parameters:
    ///   - base: id or alias; nil for the catalog's default.
    ///   - refiner: likewise; nil for a built-in base's own, or the first that is a file.
    public init(
        catalog: ModelCatalog, base: String? = nil, refiner: String? = nil
    ) throws(GenerationError) {
        let models = catalog.models
        let first = try Self.model(
            base ?? catalog.defaultBaseID, .base, in: models, field: "model")
        let pairs = ModelCatalog.builtInPairs
        let likely =
            pairs.first { $0.base == first.id }?.refiner
            ?? models.first { model in
                model.role == .refiner && !pairs.contains { $0.refiner == model.id }
            }?.id
        let second = try (refiner ?? likely).map { name throws(GenerationError) in
            try Self.model(name, .refiner, in: models, field: "refiner")
        }
        do {
            guard let stored = catalog.stored(first.id) else {
                preconditionFailure("a usable model is stored")
            }
            baseExpert = try Expert(base: stored)
            refinerExpert = try second.flatMap { catalog.stored($0.id) }.map {
                stored throws(ModelFileError) in try Expert(refiner: stored)
            }
        } catch {
            throw GenerationError(.failedPrecondition, code: "modelUnusable", "\(error)")
        }
        self.base = first
        self.refiner = second
    }

    /// What this base and refiner have.
    public var parts: [Part] {
        Part.allCases.filter { part in
            switch part {
            case .text, .base: true
            case .refiner: refinerExpert != nil
            case .decode: baseExpert.decoder != nil
            case .encode: baseExpert.encoder != nil
            }
        }
    }

    private static func model(
        _ name: String, _ role: ModelDescription.Role, in models: [ModelDescription], field: String
    ) throws(GenerationError) -> ModelDescription {
        guard let model = models.first(where: { $0.id == name || $0.aliases.contains(name) })
        else {
            throw GenerationError(
                .notFound, code: "modelNotFound",
                "There is no model \"\(name)\". There are: \(models.map(\.id).joined(separator: ", ")).",
                fields: [field])
        }
        guard model.role == role else {
            let reason =
                model.problem.isEmpty
                ? "is \(model.architecture)" : "cannot be used: \(model.problem)"
            throw GenerationError(
                .failedPrecondition, code: "invalidModel", "\"\(model.id)\" \(reason).",
                fields: [field])
        }
        return model
    }
}
