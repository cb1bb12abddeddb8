/// Reads JSON token by token over bytes that nobody has checked.
///
/// The caller says what must come next, so nesting is as deep as the caller goes and no deeper.
/// A general decoder would not do: it merges duplicate keys without a word, rounds numbers through
/// doubles, and builds the whole tree first. Every failure says at which byte.
struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private var position = 0
    /// Named in failures.
    var tensor: String?

    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    func failure(_ what: String) -> ModelFileError {
        ModelFileError(
            file: file, tensor: tensor, .malformedHeader(byte: min(position, bytes.count), what))
    }

    /// Reads `{...}`; `member` reads the value of the key it is given.
    mutating func object(
        _ member: (inout JSONReader, String) throws(ModelFileError) -> Void
    ) throws(ModelFileError) {
        try expect("{", "an object")
        if skip("}") { return }
        repeat {
            let key = try string()
            try expect(":", "a colon")
            try member(&self, key)
        } while skip(",")
        try expect("}", "a comma or the object's end")
    }

    /// Reads `[...]`; `element` reads one element.
    mutating func array(
        _ element: (inout JSONReader) throws(ModelFileError) -> Void
    ) throws(ModelFileError) {
        try expect("[", "an array")
        if skip("]") { return }
        repeat { try element(&self) } while skip(",")
        try expect("]", "a comma or the array's end")
    }

    /// Reads a number that is whole, not negative and written in digits alone.
    mutating func wholeNumber() throws(ModelFileError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"),
            digit < 10
        {
            let (tens, overTens) = value.multipliedReportingOverflow(by: 10)
            let (sum, overSum) = tens.addingReportingOverflow(Int(digit))
            if overTens || overSum { throw failure("the number is larger than 2^63 - 1") }
            value = sum
            position += 1
        }
        let digitCount = position - start
        if digitCount == 0 { throw failure("expected a whole number that is not negative") }
        if digitCount > 1, bytes[start] == UInt8(ascii: "0") {
            throw failure("a number begins with a needless zero")
        }
        if let next = peek, next == "." || next == "e" || next == "E" {
            throw failure("expected a whole number, not a fraction or power")
        }
        return value
    }

    /// Reads a string. Its bytes must be UTF-8, its escapes whole characters.
    mutating func string() throws(ModelFileError) -> String {
        try expect("\"", "a string")
        var text: [UInt8]?
        var runStart = position
        while position < bytes.count {
            let byte = bytes[position]
            switch Unicode.Scalar(byte) {
            case "\"":
                let run = bytes[runStart..<position]
                position += 1
                // Without escapes, as nearly always, the run is the whole string.
                let content = text.map { String(validating: $0 + run, as: UTF8.self) }
                guard let string = content ?? String(validating: run, as: UTF8.self) else {
                    throw failure("a string is not UTF-8")
                }
                return string
            case "\\":
                var unescaped = text ?? []
                unescaped += bytes[runStart..<position]
                position += 1
                unescaped += UTF8.encode(try escape()).map(Array.init) ?? []
                text = unescaped
                runStart = position
            case "\0"..<" ":
                throw failure("a string holds an unescaped control character")
            default:
                position += 1
            }
        }
        throw failure("a string does not end")
    }

    /// Only spaces may follow.
    mutating func end() throws(ModelFileError) {
        skipSpace()
        if position < bytes.count { throw failure("expected the header's end") }
    }

    /// Reads what follows a backslash.
    private mutating func escape() throws(ModelFileError) -> Unicode.Scalar {
        guard let letter = peek else { throw failure("a string does not end") }
        position += 1
        switch letter {
        case "\"", "\\", "/": return letter
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u":
            let high = try hexadecimalUnit()
            if let scalar = Unicode.Scalar(high) { return scalar }
            // Half of a surrogate pair: the other half must follow.
            guard high < 0xDC00, take("\\"), take("u"), case let low = try hexadecimalUnit(),
                (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
            else { throw failure("an escape is half a surrogate pair") }
            return scalar
        default:
            throw failure("there is no escape \"\\\(letter)\"")
        }
    }

    private mutating func hexadecimalUnit() throws(ModelFileError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let letter = peek, let digit = Character(letter).hexDigitValue else {
                throw failure("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    /// The next byte, unread; as Latin-1, which is right for the ASCII it is compared with.
    private var peek: Unicode.Scalar? {
        position < bytes.count ? Unicode.Scalar(bytes[position]) : nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        position += 1
        return true
    }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        skipSpace()
        return take(scalar)
    }

    private mutating func expect(
        _ scalar: Unicode.Scalar, _ what: String
    ) throws(ModelFileError) {
        if !skip(scalar) { throw failure("expected \(what)") }
    }

    private mutating func skipSpace() {
        while let next = peek, next == " " || next == "\n" || next == "\r" || next == "\t" {
            position += 1
        }
    }
}
