import Generation

/// Models as text.
enum ModelList {
    /// A line for each with what was found in it, below that what it is called too and what keeps it
    /// from use.
    static func text(_ models: [ModelDescription]) -> String {
        guard !models.isEmpty else { return "no models\n" }
        let lines = TextTable(rows: models.map { columns(of: $0).map { TextTable.Cell($0) } })
            .text().split(separator: "\n")
        return zip(models, lines).map { model, line in
            let names = model.aliases.map(Wording.printable).joined(separator: ", ")
            let hash = Wording.printable(model.sha256)
            return line + "\n" + (names.isEmpty ? "" : "    also \(names)\n")
                + (hash.isEmpty ? "" : "    sha256 \(hash)\n")
                + (model.problem.isEmpty
                    ? "" : "    cannot be used: \(Wording.printable(model.problem))\n")
        }.joined()
    }

    static func json(_ models: [ModelDescription]) -> String {
        models.map { object(for: $0).text + "\n" }.joined()
    }

    private static func columns(of model: ModelDescription) -> [String] {
        [
            Wording.printable(model.id), Wording.printable(model.architecture),
            Wording.printable(model.dtype), Wording.bytes(Int(model.byteCount)),
            "\(parameters(model.parameterCount)) parameters",
            [.unusable, .lora, .embedding, .vae].contains(model.role)
                ? "" : "\(model.defaultSize.width) x \(model.defaultSize.height)",
        ]
    }

    private static func parameters(_ count: Int64) -> String {
        switch count {
        case ..<1_000_000: "\(Wording.fixed(Double(count) / 1e3, 1)) thousand"
        case ..<1_000_000_000: "\(Wording.fixed(Double(count) / 1e6, 1)) million"
        default: "\(Wording.fixed(Double(count) / 1e9, 2)) billion"
        }
    }

    private static func object(for model: ModelDescription) -> JSONText {
        let role =
            switch model.role {
            case .unusable: "unusable"
            case .base: "base"
            case .refiner: "refiner"
            case .embedding: "embedding"
            case .lora: "lora"
            case .vae: "vae"
            }
        return .object([
            "id": JSONText(model.id), "aliases": .array(model.aliases.map { JSONText($0) }),
            "architecture": JSONText(model.architecture), "role": JSONText(role),
            "dtype": JSONText(model.dtype), "byteCount": JSONText(model.byteCount),
            "parameterCount": JSONText(model.parameterCount),
            "defaultWidth": JSONText(model.defaultSize.width),
            "defaultHeight": JSONText(model.defaultSize.height),
            "minimumSide": JSONText(model.minimumSide), "problem": JSONText(model.problem),
            "sha256": JSONText(model.sha256),
        ])
    }
}
