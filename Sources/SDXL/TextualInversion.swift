internal import Generation
internal import Tensors
internal import Tokenization
internal import Weights

/// A file of learned vectors for one word: `clip_l` [vectors, CLIP-L's width] and `clip_g` [vectors,
/// bigG's width].
struct TextualInversion: Sendable {
    let clipL: WeightTensor
    let openCLIP: WeightTensor
    let file: ModelFile
    /// See `Fingerprint`.
    let digest: String

    var count: Int { clipL.shape[0] }

    init(_ model: StoredModel) throws(ModelFileError) {
        file = model.unet.file
        digest = Fingerprint.digest(of: model)
        clipL = try file.tensor("clip_l", shape: [nil, nil])
        openCLIP = try file.tensor("clip_g", shape: [clipL.shape[0], nil])
        guard (1...CLIPTokenizer.chunkLength).contains(count) else {
            throw ModelFileError(
                file: file.name, tensor: "clip_l",
                .misfit("has \(count) vectors; 1 to \(CLIPTokenizer.chunkLength) fit a prompt"))
        }
    }
}

/// The learned words of one job: what their tokens are, and the vectors that stand for these.
struct LearnedVocabulary: Sendable {
    private(set) var words: [LearnedWord] = []
    private var entries: [(inversion: TextualInversion, ids: Range<Int32>, weight: Float)] = []

    var files: [ModelFile] { entries.map(\.inversion.file) }
    /// Of the files.
    var digests: [String] { entries.map(\.inversion.digest) }

    init() {}

    init(_ embeddings: [(word: String, inversion: TextualInversion, weight: Double)]) {
        var next = LearnedWord.firstID
        for (word, inversion, weight) in embeddings {
            let ids = next..<next + Int32(inversion.count)
            words.append(LearnedWord(word, ids: ids))
            entries.append((inversion, ids, Float(weight)))
            next = ids.upperBound
        }
    }

    /// Writes the vector that stands for a token.
    ///
    /// - Parameter table: which encoder's vectors.
    func copy(
        _ id: Int32, from table: KeyPath<TextualInversion, WeightTensor>, _ compute: Compute,
        into out: UnsafeMutablePointer<Float>
    ) {
        guard let entry = entries.first(where: { $0.ids.contains(id) }) else {
            preconditionFailure("token \(id) is no learned word's")
        }
        let tensor = entry.inversion[keyPath: table]
        let row = Int(id - entry.ids.lowerBound)
        compute.copyRows(of: tensor, row..<row + 1, into: out)
        for channel in 0..<tensor.shape[1] { out[channel] *= entry.weight }
    }
}

extension SDXLGenerator {
    /// - Throws: FAILED_PRECONDITION for vectors of other widths than the text encoders'.
    func vocabulary(of job: GenerationJob) throws(GenerationError) -> LearnedVocabulary {
        var embeddings: [(word: String, inversion: TextualInversion, weight: Double)] = []
        for (index, embedding) in job.embeddings.enumerated() {
            let field = "embeddings[\(index)].model"
            guard let inversion = inversion(embedding.model) else {
                throw GenerationError(
                    .notFound, code: "modelNotFound",
                    "there is no usable embedding \"\(embedding.model)\"", fields: [field])
            }
            for (id, expertField) in [
                (job.model, "model"), (job.refiner?.model, "refiner.model"),
            ] {
                guard let id else { continue }
                let expert = try expert(id, field: expertField)
                let fits =
                    inversion.openCLIP.shape[1] == expert.openCLIP.width
                    && (expert.clipL.map { inversion.clipL.shape[1] == $0.width } ?? true)
                guard fits else {
                    throw GenerationError(
                        .failedPrecondition, code: "incompatibleParameters",
                        "\"\(embedding.model)\" has vectors of \(inversion.clipL.shape[1]) and "
                            + "\(inversion.openCLIP.shape[1]) numbers, and the text encoders of "
                            + "\"\(id)\" take others: take an embedding made for it",
                        fields: [field, expertField])
                }
            }
            embeddings.append((embedding.model, inversion, embedding.weight))
        }
        return LearnedVocabulary(embeddings)
    }

    /// One sentence for each embedding whose word is in no prompt.
    func unusedEmbeddingAdvice(_ job: GenerationJob) -> [String] {
        job.embeddings.compactMap { embedding in
            let word = LearnedWord(
                embedding.model, ids: LearnedWord.firstID..<LearnedWord.firstID + 1)
            let isUsed = prompts(of: job).contains { _, text in
                CLIPTokenizer.shared.contains(word, in: text)
            }
            return isUsed
                ? nil
                : "The embedding \"\(embedding.model)\" has no effect: its name is in no prompt."
        }
    }
}
