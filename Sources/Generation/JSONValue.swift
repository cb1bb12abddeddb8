/// A JSON text (RFC 8259) as a tree, read strictly: whole numbers keep all 64 bits, a repeated key is
/// an error rather than a lost value, and depth is bounded, so a hostile file cannot exhaust the stack.
///
/// The standard library's companion decoders lose the first two, hence our own.
enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// Written without fraction and exponent, and within 64 bits.
    case integer(Int64)
    /// Any other number; infinite where it is beyond a double.
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// In the order written.
    case object([Member])

    struct Member: Equatable, Sendable {
        var key: String
        var value: JSONValue
    }

    /// Deeper nesting is refused.
    static let depthMaximum = 16

    /// - Throws: INVALID_ARGUMENT `invalidJSON`, naming line and column.
    init(_ text: [UInt8]) throws(GenerationError) {
        var reader = JSONReader(text)
        self = try reader.readText()
    }

    /// What it is, for messages.
    var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer(let value): "the number \(value)"
        case .number(let value): "the number \(value)"
        case .string: "a text"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Reads one JSON text from its first byte to its last.
private struct JSONReader {
    private let text: [UInt8]
    private var position = 0

    init(_ text: [UInt8]) {
        self.text = text
    }

    mutating func readText() throws(GenerationError) -> JSONValue {
        let value = try readValue(depth: 0)
        skipSpace()
        if position < text.count { throw failure("there is more after the end of the value") }
        return value
    }

    private mutating func readValue(depth: Int) throws(GenerationError) -> JSONValue {
        guard depth <= JSONValue.depthMaximum else {
            throw failure("it is nested deeper than \(JSONValue.depthMaximum) levels")
        }
        skipSpace()
        guard let byte = peek else { throw failure("the text ends where a value is expected") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try readMembers(depth: depth))
        case UInt8(ascii: "["): return .array(try readElements(depth: depth))
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try readNumber()
        case UInt8(ascii: "t"): return try readWord("true", .bool(true))
        case UInt8(ascii: "f"): return try readWord("false", .bool(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: throw failure("a value is expected")
        }
    }

    private mutating func readMembers(depth: Int) throws(GenerationError) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        var keys: Set<String> = []
        position += 1
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a key in quotes is expected") }
            let start = position
            let key = try readString()
            guard keys.insert(key).inserted else {
                position = start
                throw failure("the key \(quoted(key)) is given twice in one object")
            }
            skipSpace()
            guard take(":") else { throw failure("':' is expected after a key") }
            members.append(JSONValue.Member(key: key, value: try readValue(depth: depth + 1)))
            skipSpace()
        } while take(",")
        guard take("}") else { throw failure("',' or '}' is expected") }
        return members
    }

    private mutating func readElements(depth: Int) throws(GenerationError) -> [JSONValue] {
        var elements: [JSONValue] = []
        position += 1
        skipSpace()
        if take("]") { return elements }
        repeat {
            elements.append(try readValue(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw failure("',' or ']' is expected") }
        return elements
    }

    private mutating func readString() throws(GenerationError) -> String {
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while let byte = peek, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") {
                bytes += Array(String(try readEscape()).utf8)
            } else {
                guard byte >= 0x20 else { throw failure("a text holds a bare control character") }
                bytes.append(byte)
                position += 1
            }
        }
        guard take("\"") else { throw failure("the text ends within quotes") }
        guard let string = String(validating: bytes, as: UTF8.self) else {
            position = start
            throw failure("a text is not valid UTF-8")
        }
        return string
    }

    private mutating func readEscape() throws(GenerationError) -> Character {
        position += 1
        guard let byte = peek else { throw failure("the text ends within quotes") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Character(Unicode.Scalar(byte))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try readCodePoint()
        default:
            position -= 1
            throw failure("there is no such escape")
        }
    }

    /// The digits after `\u`, and the second half of a surrogate pair.
    private mutating func readCodePoint() throws(GenerationError) -> Character {
        let unit = try readCodeUnit()
        if let scalar = Unicode.Scalar(UInt32(unit)) { return Character(scalar) }
        if unit < 0xDC00, take("\\"), take("u") {
            let low = try readCodeUnit()
            if (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(
                    0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
            {
                return Character(scalar)
            }
        }
        throw failure("half of a surrogate pair stands alone")
    }

    private mutating func readCodeUnit() throws(GenerationError) -> UInt16 {
        let digits = text[position...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits are expected") }
        position += 4
        return unit
    }

    private mutating func readNumber() throws(GenerationError) -> JSONValue {
        let start = position
        _ = take("-")
        // No leading zero before another digit.
        if !take("0") {
            guard takeDigits() else { throw failure("a digit is expected") }
        }
        var isWhole = true
        if take(".") {
            isWhole = false
            guard takeDigits() else { throw failure("a digit is expected") }
        }
        if take("e") || take("E") {
            isWhole = false
            _ = take("+") || take("-")
            guard takeDigits() else { throw failure("a digit is expected") }
        }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(digits) { return .integer(integer) }
        guard let number = Double(digits) else { throw failure("this is not a number") }
        return .number(number)
    }

    private mutating func readWord(
        _ word: StaticString, _ value: JSONValue
    ) throws(GenerationError) -> JSONValue {
        let word = word.description.utf8
        guard text[position...].starts(with: word) else { throw failure("a value is expected") }
        position += word.count
        return value
    }

    private var peek: UInt8? { position < text.count ? text[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: scalar) else { return false }
        position += 1
        return true
    }

    private mutating func takeDigits() -> Bool {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            position += 1
        }
        return position > start
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private func failure(_ problem: String) -> GenerationError {
        let before = text[..<position]
        let line = before.count(where: { $0 == 0x0A }) + 1
        let column = position - (before.lastIndex(of: 0x0A) ?? -1)
        return GenerationError(
            .invalidArgument, code: "invalidJSON",
            "The request is not proper JSON: \(problem), at line \(line), column \(column).")
    }
}
