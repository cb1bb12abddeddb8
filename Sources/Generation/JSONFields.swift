/// A JSON object's members by name and type, for reading what we wrote ourselves. What is missing or of
/// another type is an error that names it.
struct JSONFields {
    private let values: [String: JSONValue]

    init(_ text: [UInt8]) throws(GenerationError) {
        try self.init(JSONValue(text))
    }

    private init(_ value: JSONValue) throws(GenerationError) {
        guard case .object(let members) = value else { throw Self.unexpected(value, "an object") }
        values = Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
    }

    func text(_ name: String) throws(GenerationError) -> String {
        guard let text = try textIfAny(name) else { throw Self.missing(name) }
        return text
    }

    func textIfAny(_ name: String) throws(GenerationError) -> String? {
        switch values[name] {
        case nil: return nil
        case .string(let text): return text
        case let value?: throw Self.unexpected(value, "a text as \(name)")
        }
    }

    func integer(_ name: String) throws(GenerationError) -> Int {
        guard case .integer(let integer) = try value(name) else {
            throw Self.unexpected(try value(name), "a whole number as \(name)")
        }
        return Int(integer)
    }

    func integerIfAny(_ name: String) throws(GenerationError) -> Int? {
        values[name] == nil ? nil : try integer(name)
    }

    func number(_ name: String) throws(GenerationError) -> Double {
        try Self.number(value(name), name)
    }

    func flag(_ name: String) throws(GenerationError) -> Bool {
        guard case .bool(let flag) = try value(name) else {
            throw Self.unexpected(try value(name), "true or false as \(name)")
        }
        return flag
    }

    func objectIfAny(_ name: String) throws(GenerationError) -> JSONFields? {
        guard let value = values[name] else { return nil }
        return try JSONFields(value)
    }

    /// Empty where there is none.
    func objectsIfAny(_ name: String) throws(GenerationError) -> [JSONFields] {
        guard values[name] != nil else { return [] }
        return try elements(name) { value throws(GenerationError) in try JSONFields(value) }
    }

    func integers(_ name: String) throws(GenerationError) -> [Int64] {
        try elements(name) { value throws(GenerationError) in
            guard case .integer(let integer) = value else {
                throw Self.unexpected(value, "whole numbers in \(name)")
            }
            return integer
        }
    }

    func numbers(_ name: String) throws(GenerationError) -> [Double] {
        try elements(name) { value throws(GenerationError) in try Self.number(value, name) }
    }

    func texts(_ name: String) throws(GenerationError) -> [String] {
        try elements(name) { value throws(GenerationError) in
            guard case .string(let text) = value else {
                throw Self.unexpected(value, "texts in \(name)")
            }
            return text
        }
    }

    private func elements<Element>(
        _ name: String, _ read: (JSONValue) throws(GenerationError) -> Element
    ) throws(GenerationError) -> [Element] {
        guard case .array(let values) = try value(name) else {
            throw Self.unexpected(try value(name), "an array as \(name)")
        }
        var elements: [Element] = []
        for value in values { elements.append(try read(value)) }
        return elements
    }

    private func value(_ name: String) throws(GenerationError) -> JSONValue {
        guard let value = values[name] else { throw Self.missing(name) }
        return value
    }

    private static func number(
        _ value: JSONValue, _ name: String
    ) throws(GenerationError) -> Double {
        switch value {
        case .integer(let integer): return Double(integer)
        case .number(let number): return number
        default: throw unexpected(value, "a number as \(name)")
        }
    }

    private static func missing(_ name: String) -> GenerationError {
        GenerationError(.invalidArgument, code: "invalidRecord", "The record has no \(name).")
    }

    private static func unexpected(_ value: JSONValue, _ wanted: String) -> GenerationError {
        GenerationError(
            .invalidArgument, code: "invalidRecord",
            "The record has \(value.kindName) where it needs \(wanted).")
    }
}
