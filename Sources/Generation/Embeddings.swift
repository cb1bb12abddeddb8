// A request's `embeddings`: read from JSON, checked, and looked up.

extension Parameter {
    func check(
        _ embeddings: [GenerationRequest.Embedding], count: Int, weight: ClosedRange<Double>
    ) throws(GenerationError) {
        guard embeddings.count <= count else {
            throw .invalid(
                name, code: code,
                "\(name) has \(embeddings.count) entries: there may be at most \(count).")
        }
        for (index, embedding) in embeddings.enumerated() {
            let path = "\(name)[\(index)]"
            guard let model = embedding.model.nonEmpty else {
                throw .invalid(
                    "\(path).model", code: missingCode,
                    "\(path).model is missing. Name an embedding from the list of models.")
            }
            guard model.utf8.count <= 256 else {
                throw .invalid(
                    "\(path).model", code: code,
                    "\(path).model has \(model.utf8.count) bytes: it may have at most 256.")
            }
            // A NaN is in no range.
            if let value = embedding.weight, !weight.contains(value) {
                throw .invalid(
                    "\(path).weight", code: code,
                    "\(path).weight is \(value): it must be a number from "
                        + "\(plain(weight.lowerBound)) to \(plain(weight.upperBound)).")
            }
        }
    }

    func embeddings(
        _ value: JSONValue, path: String
    ) throws(GenerationError) -> [GenerationRequest.Embedding] {
        guard case .array(let elements) = value else {
            throw RequestReader.wrongType(value, path: path, wanted: "an array of objects")
        }
        var embeddings: [GenerationRequest.Embedding] = []
        for (index, element) in elements.enumerated() {
            let path = "\(path)[\(index)]"
            guard case .object(let members) = element else {
                throw RequestReader.wrongType(element, path: path, wanted: "an object with model")
            }
            var embedding = GenerationRequest.Embedding()
            for member in members {
                let path = RequestReader.joined(path, member.key)
                switch (member.key, member.value) {
                case ("model", .null), ("weight", .null): break
                case ("model", .string(let name)): embedding.model = name
                case ("model", let other):
                    throw RequestReader.wrongType(other, path: path, wanted: "a text")
                case ("weight", .integer(let weight)): embedding.weight = Double(weight)
                case ("weight", .number(let weight)): embedding.weight = weight
                case ("weight", let other):
                    throw RequestReader.wrongType(other, path: path, wanted: "a number")
                default:
                    throw RequestReader.unknown(
                        path, key: member.key, known: ["model", "weight"])
                }
            }
            embeddings.append(embedding)
        }
        return embeddings
    }
}

extension ModelCatalogue {
    /// Whether their vectors fit the job's models is for the generator.
    func embeddings(
        _ asked: [GenerationRequest.Embedding]
    ) throws(GenerationError) -> [GenerationJob.Embedding] {
        var embeddings: [GenerationJob.Embedding] = []
        for (index, embedding) in asked.enumerated() {
            let field = "embeddings[\(index)].model"
            let model = try find(embedding.model ?? "", field: field, role: .embedding)
            guard model.role == .embedding else {
                throw GenerationError(
                    .failedPrecondition, code: "invalidEmbeddings",
                    "\(quoted(model.id)) is \(model.architecture), not a textual inversion. "
                        + listing(.embedding),
                    fields: [field])
            }
            guard !embeddings.contains(where: { $0.model == model.id }) else {
                throw .invalid(
                    field, code: "invalidEmbeddings",
                    "\(field) names \(quoted(model.id)) again: give each embedding once.")
            }
            embeddings.append(
                GenerationJob.Embedding(model: model.id, weight: embedding.weight ?? 1))
        }
        return embeddings
    }

    /// For a file that is named as the model and is none by itself.
    func notWhole(_ model: ModelDescription, field: String) -> GenerationError {
        GenerationError(
            .failedPrecondition, code: "invalidModel",
            "\(quoted(model.id)) is \(model.architecture), which makes no picture by itself: name it "
                + "under \(model.requestKey), and a base model as model. "
                + listing(.base),
            fields: [field])
    }
}

extension ModelDescription {
    /// Where a request names what is no whole model.
    fileprivate var requestKey: String {
        switch role {
        case .lora: "lora"
        case .vae: "vae"
        case .embedding, .base, .refiner, .unusable: "embeddings"
        }
    }
}
