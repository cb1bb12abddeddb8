internal import Tensors
internal import Weights

/// One expert: a base or a refiner with its text encoders. Immutable, shared by all lanes; the
/// weights stay in the mapped files.
struct Expert: Sendable {
    let unet: UNet
    /// The base's first encoder.
    let clipL: TextEncoder?
    let openCLIP: TextEncoder
    /// Only the base decodes: one VAE finishes every picture.
    let decoder: VAEDecoder?
    /// See ``Fingerprint``.
    let digest: String

    /// Of the shorter text encoder.
    var textLayerCount: Int {
        min(openCLIP.layers.count, clipL?.layers.count ?? openCLIP.layers.count)
    }

    /// - Parameter vae: decodes in place of the model's own.
    init(base model: StoredModel, vae: StoredModel? = nil) throws(ModelFileError) {
        let clipL = try TextEncoder(
            Self.required(model.clipL, "the CLIP-L text encoder", of: model), pools: false)
        openCLIP = try Self.openCLIP(of: model)
        self.clipL = clipL
        unet = try UNet(
            model.unet, headDimension: model.unetHeadDimension,
            pooledWidth: openCLIP.pooledWidth, timeIDCount: 6)
        decoder = try VAEDecoder(Self.required((vae ?? model).vae, "the VAE", of: vae ?? model))
        digest =
            Fingerprint.digest(of: model) + (vae.map { "+" + Fingerprint.digest(of: $0) } ?? "")
        try checkContext(model, width: clipL.width + openCLIP.width)
    }

    init(refiner model: StoredModel) throws(ModelFileError) {
        clipL = nil
        openCLIP = try Self.openCLIP(of: model)
        unet = try UNet(
            model.unet, headDimension: model.unetHeadDimension,
            pooledWidth: openCLIP.pooledWidth, timeIDCount: 5)
        decoder = nil
        digest = Fingerprint.digest(of: model)
        try checkContext(model, width: openCLIP.width)
    }

    private static func openCLIP(of model: StoredModel) throws(ModelFileError) -> TextEncoder {
        try TextEncoder(
            required(model.openCLIP, "the OpenCLIP text encoder", of: model), pools: true)
    }

    private static func required<Part>(
        _ part: Part?, _ what: String, of model: StoredModel
    ) throws(ModelFileError) -> Part {
        guard let part else {
            throw ModelFileError(
                file: model.name,
                .misfit("lacks \(what); take the whole checkpoint, as published"))
        }
        return part
    }

    private func checkContext(_ model: StoredModel, width: Int) throws(ModelFileError) {
        guard unet.contextWidth == width else {
            throw model.unet["middle_block"][1].misfit(
                "transformer_blocks.0.attn2.to_k.weight",
                "attends over \(unet.contextWidth) numbers a token; the text encoders give \(width)"
            )
        }
    }
}
