internal import Generation
internal import Tensors
internal import Weights

/// What a picture's bytes depend on beside its request: this program's version of the arithmetic, the
/// kernels in use, and the models' files.
enum Fingerprint {
    /// Raised whenever a change of the engine changes any picture's bits.
    private static let arithmetic = 2

    /// - Parameter models: the digests of the models that compute the job, in order.
    static func text(models: [String]) -> String {
        (["refinery-\(arithmetic)", Calibration.coreName, Calibration.kernelName] + models)
            .joined(separator: " ")
    }

    /// Whether a model is among those of a fingerprint.
    static func text(_ text: String, covers digest: String) -> Bool {
        text.split(separator: " ").contains { $0 == digest }
    }

    /// A digest of what a model's files hold: every tensor's name, type and shape, and a sample of
    /// every eighth one's bytes. Reading 13 GB at each start would take half a minute; two different
    /// checkpoints differ in every tensor.
    static func digest(of model: StoredModel) -> String {
        hex(
            model.files.reduce(into: []) { bytes, file in
                let names = file.tensorNames
                file.prefetchBeginnings(
                    of: stride(from: 0, to: names.count, by: 8).map { names[$0] })
                for (index, name) in names.enumerated() {
                    append(name, of: file, withSample: index % 8 == 0, to: &bytes)
                }
            })
    }

    /// Likewise of a LoRA; of these there may be hundreds, so samples of few of the tensors that
    /// differ from file to file must do.
    static func digest(of lora: ModelFile, sampling matrices: [String]) -> String {
        let samples = 16
        let step = max(1, matrices.count / samples)
        let sampled = Set(stride(from: 0, to: matrices.count, by: step).map { matrices[$0] })
        return hex(
            lora.tensorNames.reduce(into: []) { bytes, name in
                append(name, of: lora, withSample: sampled.contains(name), to: &bytes)
            })
    }

    private static func append(
        _ name: String, of file: ModelFile, withSample: Bool, to bytes: inout [UInt8]
    ) {
        bytes += name.utf8
        bytes += (file.elementType(of: name)?.rawValue ?? "").utf8
        bytes += "\(file.shape(of: name) ?? [])".utf8
        if withSample { file.withBytes(of: name) { bytes += $0.prefix(64) } }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        hexadecimal(Array(SHA256.digest(of: bytes).prefix(6)))
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
