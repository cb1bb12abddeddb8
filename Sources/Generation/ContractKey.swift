/// A key of the public contract that is no parameter of ours: taken with a notice when it does not
/// matter here, refused by name when it would change the picture or where it goes.
struct ContractKey {
    let name: String
    private let treatment: Treatment

    private enum Treatment {
        /// One of these values, each with what is to be said about it.
        case choice([String: String?])
        /// Any value; this is what is to be said.
        case noted(String)
        case unsupported
    }

    /// By both spellings.
    static let all: [String: ContractKey] = {
        var keys: [String: ContractKey] = [:]
        for (name, treatment) in table {
            let key = ContractKey(name: name, treatment: treatment)
            keys[name] = key
            keys[Parameter.snakeCased(name)] = key
        }
        return keys
    }()

    private static let table: [(String, Treatment)] =
        [
            ("taskType", .choice(["imageInference": nil])),
            (
                "outputFormat",
                .choice([
                    "PNG": nil, "JPG": "the answer is a PNG all the same.",
                    "WEBP": "the answer is a PNG all the same.",
                ])
            ),
            ("outputType", .noted("the picture itself arrives, as the bytes of a PNG.")),
            ("outputQuality", .noted("a PNG loses nothing, so it has no quality setting.")),
            ("deliveryMethod", .noted("progress and pictures always arrive as they come about.")),
            ("includeCost", .noted("there is no cost to report.")),
            ("checkNSFW", .noted("contents are not checked.")),
            ("safety", .noted("contents are not checked.")),
            ("ttl", .noted("pictures are sent, not kept behind an address.")),
        ]
        + [
            "acceleration", "acceleratorOptions", "acePlusPlus", "advancedFeatures",
            "controlNet", "hiresFix", "inputs", "ipAdapters", "layerDiffuse",
            "maskMargin", "outpaint", "providerSettings", "puLID", "referenceImages", "resolution",
            "ultralytics",
            "uploadEndpoint", "webhookURL",
        ].map { ($0, .unsupported) }

    /// Takes the value, and gives what there is to say about it.
    func treat(_ value: JSONValue, path: String) throws(GenerationError) -> String? {
        if value == .null { return nil }
        switch treatment {
        case .noted(let sentence):
            return "\(path) changes nothing here: \(sentence)"
        case .choice(let choices):
            guard case .string(let text) = value, let sentence = choices[text] else {
                let given =
                    if case .string(let text) = value { quoted(text) } else { value.kindName }
                throw .invalid(
                    path, code: name == "taskType" ? "unsupportedTaskType" : "invalidOutputFormat",
                    "\(path) is \(given): it must be "
                        + "\(choices.keys.sorted().joined(separator: ", ")).")
            }
            return sentence.map { "\(path) is \(quoted(text)): \($0)" }
        case .unsupported:
            // Asking for none of it is no request for it.
            if [.bool(false), .array([]), .object([])].contains(value) { return nil }
            throw .invalid(
                path, code: "unsupportedParameter",
                "\(path) is not supported yet, and leaving it out would give another picture than "
                    + "the one asked for. Take it out of the request.")
        }
    }
}
