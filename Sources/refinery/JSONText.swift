/// A JSON value as its text, built from the inside out.
struct JSONText: Equatable {
    let text: String

    private init(text: String) { self.text = text }

    init(_ value: some BinaryInteger) { text = "\(value)" }

    init(_ value: Bool) { text = "\(value)" }

    /// JSON has no infinity and no NaN: they become null.
    init(_ value: Double) { text = value.isFinite ? "\(value)" : "null" }

    init(_ value: String) {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        text = quoted + "\""
    }

    static func array(_ values: [JSONText]) -> JSONText {
        JSONText(text: "[" + values.map(\.text).joined(separator: ",") + "]")
    }

    /// Members without a value are left out.
    static func object(_ members: KeyValuePairs<String, JSONText?>) -> JSONText {
        let texts = members.compactMap { key, value in
            value.map { JSONText(key).text + ":" + $0.text }
        }
        return JSONText(text: "{" + texts.joined(separator: ",") + "}")
    }
}
