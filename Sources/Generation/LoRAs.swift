// A request's `lora`: read from JSON and written, checked, and looked up.

extension Parameter {
    func check(
        _ loras: [GenerationRequest.LoRA], count: Int, weight: ClosedRange<Double>
    ) throws(GenerationError) {
        if loras.count > count {
            throw invalid("has \(loras.count) entries: there may be at most \(count)")
        }
        for (index, lora) in loras.enumerated() {
            guard let model = lora.model.nonEmpty else {
                throw .invalid(
                    "\(name)[\(index)].model", code: missingCode,
                    "\(name)[\(index)].model is missing. Name a LoRA from the list of models.")
            }
            try checkName(model, 0...256, part: "[\(index)].model")
            // As for numbers: a NaN is in no range.
            if let value = lora.weight, !weight.contains(value) {
                throw invalid(
                    "is \(value): it must be a number from \(plain(weight.lowerBound)) to "
                        + "\(plain(weight.upperBound))", part: "[\(index)].weight")
            }
        }
    }

    static func loras(
        _ value: JSONValue, path: String
    ) throws(GenerationError) -> [GenerationRequest.LoRA] {
        guard case .array(let elements) = value else {
            throw RequestReader.wrongType(value, path: path, wanted: "an array of objects")
        }
        var loras: [GenerationRequest.LoRA] = []
        for (index, element) in elements.enumerated() {
            loras.append(try lora(element, path: "\(path)[\(index)]"))
        }
        return loras
    }

    private static func lora(
        _ value: JSONValue, path: String
    ) throws(GenerationError) -> GenerationRequest.LoRA {
        guard case .object(let members) = value else {
            throw RequestReader.wrongType(value, path: path, wanted: "an object with model")
        }
        var lora = GenerationRequest.LoRA()
        var seen: Set<String> = []
        for member in members {
            let path = RequestReader.joined(path, member.key)
            let key = member.key == "apply_to" ? "applyTo" : member.key
            try RequestReader.requireFirst(key, path: path, &seen)
            switch (key, member.value) {
            case ("model", .null), ("weight", .null), ("applyTo", .null): break
            case ("model", .string(let name)): lora.model = name
            case ("model", _):
                throw RequestReader.wrongType(member.value, path: path, wanted: "a text")
            case ("weight", .integer(let weight)): lora.weight = Double(weight)
            case ("weight", .number(let weight)): lora.weight = weight
            case ("weight", _):
                throw RequestReader.wrongType(member.value, path: path, wanted: "a number")
            case ("applyTo", .string(let name)):
                guard let target = loraTargets[name] else {
                    throw .invalid(
                        path, code: "invalidLora",
                        "\(path) is \(quoted(name)): it must be base, refiner or both.")
                }
                lora.applyTo = target
            case ("applyTo", _):
                throw RequestReader.wrongType(member.value, path: path, wanted: "a text")
            default:
                throw RequestReader.unknown(
                    path, key: member.key, known: ["model", "weight", "applyTo"])
            }
        }
        return lora
    }

    /// The proto's names too.
    private static let loraTargets: [String: GenerationRequest.LoRA.Target] = [
        "base": .base, "refiner": .refiner, "both": .both,
        "BASE_ONLY": .base, "REFINER_ONLY": .refiner, "BOTH": .both,
    ]

    static func json(_ lora: GenerationRequest.LoRA) -> JSONText {
        .object([
            "model": lora.model.map { JSONText($0) }, "weight": lora.weight.map { JSONText($0) },
            "applyTo": JSONText("\(lora.applyTo)"),
        ])
    }
}

extension ModelCatalogue {
    /// Whether they fit the job's models is for the generator.
    func loras(
        of request: GenerationRequest
    ) throws(GenerationError) -> [GenerationJob.LoRA] {
        var loras: [GenerationJob.LoRA] = []
        for (index, asked) in request.loras.enumerated() {
            let path = "lora[\(index)]"
            guard asked.applyTo == .base || request.refiner != nil else {
                throw GenerationError(
                    .invalidArgument, code: "incompatibleParameters",
                    "\(path).applyTo names the refiner, and the request has none: add a refiner, or "
                        + "leave applyTo out.",
                    fields: ["\(path).applyTo", "refiner"])
            }
            let model = try lora(asked.model ?? "", field: "\(path).model")
            loras.append(
                GenerationJob.LoRA(
                    model: model.id, weight: asked.weight ?? Parameter.Default.loraWeight,
                    applyTo: asked.applyTo))
        }
        return loras
    }

    private func lora(_ name: String, field: String) throws(GenerationError) -> ModelDescription {
        let model = try find(name, field: field, role: .lora)
        switch model.role {
        case .lora: return model
        case .unusable where model.architecture == ModelDescription.loraArchitecture:
            throw unusable(model, field: field, listing: .lora)
        case .base, .refiner, .embedding, .vae, .unusable:
            throw GenerationError(
                .failedPrecondition, code: "invalidLora",
                "\(quoted(model.id)) is \(model.architecture), not a LoRA. \(listing(.lora))",
                fields: [field])
        }
    }
}
