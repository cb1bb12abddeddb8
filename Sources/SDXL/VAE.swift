internal import Weights

/// A VAE by itself: a file that decodes, and if whole encodes, in place of a model's own.
struct VAE: Sendable {
    let decoder: VAEDecoder
    /// Text-to-image needs none, so a file may come without.
    let encoder: VAEEncoder?
    /// See ``Fingerprint``.
    let digest: String
    let files: [ModelFile]

    init(_ model: StoredModel) throws(ModelFileError) {
        guard let parts = model.vae else {
            throw ModelFileError(file: model.name, .misfit("holds no VAE"))
        }
        decoder = try VAEDecoder(parts)
        encoder = try VAEEncoder(ifIn: parts)
        digest = Fingerprint.digest(of: model)
        files = model.files
    }
}

extension VAEEncoder {
    /// Nil where there is none.
    init?(ifIn scope: WeightScope) throws(ModelFileError) {
        guard scope["encoder"].has("conv_in.weight") else { return nil }
        try self.init(scope)
    }
}

extension Expert {
    /// The same expert with another VAE. The weights stay shared.
    func with(_ vae: VAE) -> Expert {
        var copy = self
        copy.decoder = vae.decoder
        copy.encoder = vae.encoder
        copy.digest += "+" + vae.digest
        copy.files += vae.files
        return copy
    }
}
