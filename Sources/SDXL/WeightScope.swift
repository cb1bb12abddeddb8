internal import Tensors
internal import Weights

/// The tensors of a model file under one name prefix, as layers. Every shape is checked against what
/// the layers before it produce; the error names the file and the tensor.
///
/// Names are the original single-file layout's, whatever the file calls its tensors.
struct WeightScope: Sendable {
    let file: ModelFile
    let prefix: String
    private let naming: TensorNaming
    /// Before every name that `naming` gives.
    private let storedPrefix: String

    init(_ file: ModelFile, _ prefix: String) {
        self.init(file, prefix, .original, "")
    }

    /// The whole of a file that names its tensors differently.
    init(_ file: ModelFile, naming: TensorNaming, storedPrefix: String = "") {
        self.init(file, "", naming, storedPrefix)
    }

    private init(
        _ file: ModelFile, _ prefix: String, _ naming: TensorNaming, _ storedPrefix: String
    ) {
        self.file = file
        self.prefix = prefix
        self.naming = naming
        self.storedPrefix = storedPrefix
    }

    subscript(_ name: String) -> WeightScope {
        WeightScope(file, "\(prefix)\(name).", naming, storedPrefix)
    }

    subscript(_ index: Int) -> WeightScope {
        self["\(index)"]
    }

    /// Nil where there is no such tensor.
    func shape(of name: String) -> [Int]? {
        naming.stored(prefix + name).flatMap { file.shape(of: storedPrefix + $0) }
    }

    func has(_ name: String) -> Bool {
        shape(of: name) != nil
    }

    /// How many of `<name>.0.`, `<name>.1.` ... hold a tensor called `probe`.
    func count(of name: String, probe: String) -> Int {
        var count = 0
        while has("\(name).\(count).\(probe)") {
            count += 1
        }
        return count
    }

    /// An error about a tensor here that does not fit, in words.
    func misfit(_ name: String, _ words: String) -> ModelFileError {
        ModelFileError(file: file.name, tensor: stored(name), .misfit(words))
    }

    /// As the file calls it; the original name where it has no place for it.
    private func stored(_ name: String) -> String {
        storedPrefix + (naming.stored(prefix + name) ?? prefix + name)
    }

    /// A tensor of any size, with so many axes.
    func tensor(_ name: String, axes: Int) throws(ModelFileError) -> WeightTensor {
        try tensor(name, Array(repeating: nil, count: axes))
    }

    /// A tensor of this shape; nil stands for any size.
    func tensor(_ name: String, _ shape: [Int?]) throws(ModelFileError) -> WeightTensor {
        try file.tensor(stored(name), shape: shape)
    }

    func linear(
        inputs: Int, outputs: Int? = nil, bias: Bool = true
    ) throws(ModelFileError) -> Linear {
        let weight = try tensor("weight", [outputs, inputs])
        return Linear(weight: weight, bias: bias ? try tensor("bias", [weight.shape[0]]) : nil)
    }

    /// A 1x1 convolution, or the linear layer that some layouts store in its place.
    func pointwise(inputs: Int, outputs: Int? = nil) throws(ModelFileError) -> Linear {
        let isConvolution = shape(of: "weight")?.count == 4
        let weight = try tensor(
            "weight", isConvolution ? [outputs, inputs, 1, 1] : [outputs, inputs])
        return Linear(weight: weight, bias: try tensor("bias", [weight.shape[0]]))
    }

    func convolution(inputs: Int, outputs: Int? = nil) throws(ModelFileError) -> Convolution {
        let weight = try tensor("weight", [outputs, inputs, 3, 3])
        return Convolution(weight: weight, bias: try tensor("bias", [weight.shape[0]]))
    }

    func layerNorm(_ channels: Int) throws(ModelFileError) -> LayerNorm {
        LayerNorm(weight: try tensor("weight", [channels]), bias: try tensor("bias", [channels]))
    }

    func groupNorm(_ channels: Int, epsilon: Float) throws(ModelFileError) -> GroupNorm {
        guard channels % GroupNorm.groups == 0 else {
            throw misfit(
                "weight", "has \(channels) channels, which \(GroupNorm.groups) groups do not divide"
            )
        }
        return GroupNorm(
            weight: try tensor("weight", [channels]), bias: try tensor("bias", [channels]),
            epsilon: epsilon)
    }
}
