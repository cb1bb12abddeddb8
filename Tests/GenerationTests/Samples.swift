import Generation

/// Models of every role, as a server may have them.
let sampleModels = [
    model("sdxl", "SDXL base", .base, aliases: ["civitai:101055@128078"], side: 1024),
    model("sdxl-refiner", "SDXL refiner", .refiner, aliases: ["civitai:101055@128080"]),
    model("tiny", "SDXL base", .base, side: 64, minimumSide: 16),
    model("style", "SDXL textual inversion", .embedding),
    model("flux", "FLUX", .unusable, problem: "transformers are not run here"),
    model("fp16-fix", "VAE", .vae),
    model("sd15", "Stable Diffusion 1.x", .base),
    model("lora", "LoRA", .lora, aliases: ["civitai:1@2"]),
    model("broken-lora", "LoRA", .unusable, problem: "a pair is not complete"),
    model("broken-refiner", "SDXL refiner", .unusable, problem: "a tensor is missing"),
]

func model(
    _ id: String, _ architecture: String, _ role: ModelDescription.Role, aliases: [String] = [],
    side: Int = 512, minimumSide: Int = 128, problem: String = ""
) -> ModelDescription {
    ModelDescription(
        id: id, aliases: aliases, architecture: architecture, role: role, dtype: "F16",
        byteCount: 1, parameterCount: 1, defaultSize: ImageSize(height: side, width: side),
        minimumSide: minimumSide, problem: problem)
}

/// The smallest good request, changed as the test likes.
func request(_ change: (inout GenerationRequest) -> Void = { _ in }) -> GenerationRequest {
    var request = GenerationRequest()
    request.positivePrompt = "a red fox"
    change(&request)
    return request
}

/// Likewise with a refiner.
func refined(_ change: (inout GenerationRequest.Refiner) -> Void = { _ in }) -> GenerationRequest {
    request {
        var refiner = GenerationRequest.Refiner()
        refiner.model = "sdxl-refiner"
        refiner.startStep = 18
        change(&refiner)
        $0.refiner = refiner
    }
}

/// A name that ``samplePictures(_:_:)`` knows, and another.
let samplePicture = String(repeating: "a1", count: 32)
let sampleMask = String(repeating: "b2", count: 32)

/// Two black pictures of this size.
func samplePictures(_ width: Int, _ height: Int) -> GenerationJob.PictureLookup {
    let picture = Picture(
        size: ImageSize(height: height, width: width),
        pixels: [UInt8](repeating: 0, count: width * height * 3))
    return { [samplePicture, sampleMask].contains($0) ? picture : nil }
}
