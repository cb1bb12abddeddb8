internal import Tensors
internal import Weights

/// One expert: a base or a refiner with its text encoders. Immutable, shared by all lanes; the
/// weights stay in the mapped file.
struct Expert: Sendable {
    let unet: UNet
    /// The base's first encoder.
    let clipL: TextEncoder?
    let openCLIP: TextEncoder
    /// Only the base decodes: one VAE finishes every picture.
    let decoder: VAEDecoder?

    /// SDXL base as the original single file holds it.
    init(base file: ModelFile) throws(ModelFileError) {
        let hints = try SDXLHints(file)
        let conditioner = WeightScope(file, "conditioner.")["embedders"]
        let clipL = try TextEncoder(
            clipL: conditioner[0]["transformer"]["text_model"],
            headDimension: hints.textEncoderHeadDimension)
        openCLIP = try TextEncoder(
            openCLIP: conditioner[1]["model"], headDimension: hints.textEncoder2HeadDimension)
        self.clipL = clipL
        unet = try UNet(
            WeightScope(file, "model.diffusion_model."), headDimension: hints.unetHeadDimension,
            pooledWidth: openCLIP.pooledWidth, timeIDCount: 6)
        decoder = try VAEDecoder(WeightScope(file, "first_stage_model."))
        try checkContext(file, width: clipL.width + openCLIP.width)
    }

    /// The SDXL refiner as the original single file holds it.
    init(refiner file: ModelFile) throws(ModelFileError) {
        let hints = try SDXLHints(file)
        clipL = nil
        openCLIP = try TextEncoder(
            openCLIP: WeightScope(file, "conditioner.")["embedders"][0]["model"],
            headDimension: hints.textEncoder2HeadDimension)
        unet = try UNet(
            WeightScope(file, "model.diffusion_model."), headDimension: hints.unetHeadDimension,
            pooledWidth: openCLIP.pooledWidth, timeIDCount: 5)
        decoder = nil
        try checkContext(file, width: openCLIP.width)
    }

    private func checkContext(_ file: ModelFile, width: Int) throws(ModelFileError) {
        guard unet.contextWidth == width else {
            throw ModelFileError(
                file: file.name, tensor: "model.diffusion_model.middle_block.1",
                .misfit(
                    "attends over \(unet.contextWidth) numbers a token; the text encoders give \(width)"
                ))
        }
    }
}
