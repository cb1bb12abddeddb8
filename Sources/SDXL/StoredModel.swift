internal import Tensors
public import Weights

/// One model as it is stored: where its networks' tensors are and under which names, and what their
/// shapes do not tell. An original single file, or a folder in diffusers' layout; the networks do not
/// see which.
public struct StoredModel: Sendable {
    /// As messages name it.
    public let name: String
    /// Every file of it.
    public let files: [ModelFile]
    let unet: WeightScope
    let unetHeadDimension: Int
    /// The base's first text encoder.
    let clipL: StoredTextEncoder?
    let openCLIP: StoredTextEncoder?
    let vae: WeightScope?
    let prediction: PredictionType

    /// A text encoder's tensors: named by transformers, or, with `isOpenCLIP`, by OpenCLIP.
    struct StoredTextEncoder: Sendable {
        let weights: WeightScope
        let isOpenCLIP: Bool
        let headDimension: Int
        let activation: ActivationFunction
    }
}

extension StoredModel {
    /// An original single file. Parts that it lacks are nil.
    public init(_ file: ModelFile) throws(ModelFileError) {
        let hints = try SDXLHints(file)
        name = file.name
        files = [file]
        unet = Self.unet(file)
        unetHeadDimension = hints.unetHeadDimension
        prediction = PredictionType(file)
        vae = VAEFile.weights(file)

        let conditioner = WeightScope(file, "conditioner.")["embedders"]
        let clipL = conditioner[0]["transformer"]
        let hasCLIPL = file.contains(prefix: clipL.prefix)
        self.clipL =
            hasCLIPL
            ? StoredTextEncoder(
                weights: clipL, isOpenCLIP: false, headDimension: hints.textEncoderHeadDimension,
                activation: .quickGELU) : nil
        let openCLIP = conditioner[hasCLIPL ? 1 : 0]["model"]
        self.openCLIP =
            file.contains(prefix: openCLIP.prefix)
            ? StoredTextEncoder(
                weights: openCLIP, isOpenCLIP: true,
                headDimension: hints.textEncoder2HeadDimension, activation: .gelu) : nil
    }
}

extension StoredModel {
    /// A folder in diffusers' layout. Parts that it lacks are nil.
    init(_ folder: DiffusersFolder, name: String) throws(ModelFileError) {
        self.name = name
        unet = WeightScope(
            try folder.weights(of: "unet", stem: "diffusion_pytorch_model"), naming: .diffusersUNet)
        unetHeadDimension = try folder.unetHeadDimension()
        clipL =
            folder.contains("text_encoder/config.json")
            ? try folder.textEncoder("text_encoder") : nil
        openCLIP =
            folder.contains("text_encoder_2/config.json")
            ? try folder.textEncoder("text_encoder_2") : nil
        vae = folder.contains("vae/config.json") ? try folder.vae() : nil
        prediction = try folder.prediction()
        files = [unet.file, clipL?.weights.file, openCLIP?.weights.file, vae?.file]
            .compactMap { $0 }
    }
}

extension StoredModel {
    /// Told from the file that holds the UNet; of a single file that is all of it.
    var architecture: ModelArchitecture { ModelArchitecture(unet.file) }

    /// See ``ModelFile/checkUnchanged()``.
    func checkUnchanged() throws(ModelFileError) {
        for file in files { try file.checkUnchanged() }
    }

    /// In words, what an expert needs and is not there.
    func missingParts(isBase: Bool) -> [String] {
        var missing: [String] = []
        if isBase, clipL == nil { missing.append("the CLIP-L text encoder") }
        if openCLIP == nil { missing.append("the OpenCLIP text encoder") }
        if isBase, vae == nil { missing.append("the VAE") }
        return missing
    }
}

extension StoredModel {
    /// The U-Net of a checkpoint, or of a file that holds nothing else.
    private static func unet(_ file: ModelFile) -> WeightScope {
        let prefix = "model.diffusion_model."
        if file.contains(prefix: prefix) { return WeightScope(file, prefix) }
        return file.contains(prefix: "down_blocks.")
            ? WeightScope(file, naming: .diffusersUNet) : WeightScope(file, "")
    }
}

/// A VAE in a file of its own or within a checkpoint.
enum VAEFile {
    /// Its tensors, however they are named; nil where there is none.
    ///
    /// Nothing tells SDXL's VAE from Stable Diffusion 1's, which has the same shapes.
    static func weights(_ file: ModelFile) -> WeightScope? {
        for prefix in ["first_stage_model.", "vae.", ""] {
            if file.contains(prefix: prefix + "decoder.mid_block.") {
                let attention = prefix + "decoder.mid_block.attentions.0."
                return WeightScope(
                    file,
                    naming: .diffusersVAE(
                        olderAttention: file.contains(attention + "query.weight")),
                    storedPrefix: prefix)
            }
            if file.contains(prefix: prefix.isEmpty ? "decoder." : prefix) {
                return WeightScope(file, prefix)
            }
        }
        return nil
    }
}
