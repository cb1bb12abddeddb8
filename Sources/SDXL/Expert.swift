internal import Tensors
internal import Weights

/// One expert: a base or a refiner with its text encoders. Immutable, shared by all lanes; the
/// weights stay in the mapped files.
struct Expert: Sendable {
    var unet: UNet
    /// The base's first encoder.
    var clipL: TextEncoder?
    var openCLIP: TextEncoder
    /// The base's decodes, and encodes a picture to start from; the refiner's own does when it works
    /// alone, and may be missing from its file.
    var decoder: VAEDecoder?
    var encoder: VAEEncoder?
    /// See ``Fingerprint``.
    var digest: String
    /// Whose tensors it computes with.
    var files: [ModelFile]

    /// Of the shorter text encoder.
    var textLayerCount: Int {
        min(openCLIP.layers.count, clipL?.layers.count ?? openCLIP.layers.count)
    }

    /// Whether this expert finishes pictures rather than starting them.
    var isRefiner: Bool { clipL == nil }

    init(base model: StoredModel) throws(ModelFileError) {
        let clipL = try TextEncoder(
            Self.required(model.clipL, "the CLIP-L text encoder", of: model), pools: false)
        openCLIP = try Self.openCLIP(of: model)
        self.clipL = clipL
        unet = try UNet(
            model.unet, headDimension: model.unetHeadDimension,
            pooledWidth: openCLIP.pooledWidth, timeIDCount: 6)
        let parts = try Self.required(model.vae, "the VAE", of: model)
        decoder = try VAEDecoder(parts)
        encoder = try VAEEncoder(ifIn: parts)
        digest = Fingerprint.digest(of: model)
        files = model.files
        try checkContext(model, width: clipL.width + openCLIP.width)
    }

    init(refiner model: StoredModel) throws(ModelFileError) {
        clipL = nil
        openCLIP = try Self.openCLIP(of: model)
        unet = try UNet(
            model.unet, headDimension: model.unetHeadDimension,
            pooledWidth: openCLIP.pooledWidth, timeIDCount: 5)
        if let vae = model.vae {
            let hasDecoder = vae["decoder"].has("conv_in.weight")
            decoder = hasDecoder ? try VAEDecoder(vae) : nil
            encoder = try VAEEncoder(ifIn: vae)
        } else {
            decoder = nil
            encoder = nil
        }
        digest = Fingerprint.digest(of: model)
        files = model.files
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
