/// A JSON value as its text, built from the inside out.
public struct JSONText: Equatable, Sendable {
    public let text: String

    private init(text: String) { self.text = text }

    public init(_ value: some BinaryInteger) { text = "\(value)" }

    public init(_ value: Bool) { text = "\(value)" }

    /// JSON has no infinity and no NaN: they become null.
    public init(_ value: Double) { text = value.isFinite ? "\(value)" : "null" }

    public init(_ value: String) {
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

    public static func array(_ values: [JSONText]) -> JSONText {
        JSONText(text: "[" + values.map(\.text).joined(separator: ",") + "]")
    }

    /// Members without a value are left out.
    public static func object(_ members: KeyValuePairs<String, JSONText?>) -> JSONText {
        object(members.map { (key: $0.key, value: $0.value) })
    }

    public static func object(_ members: [(key: String, value: JSONText?)]) -> JSONText {
        let texts = members.compactMap { key, value in
            value.map { JSONText(key).text + ":" + $0.text }
        }
        return JSONText(text: "{" + texts.joined(separator: ",") + "}")
    }
}
