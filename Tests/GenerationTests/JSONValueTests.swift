import Testing

@testable import Generation

@Suite struct `JSON` {
    @Test(arguments: [
        ("null", JSONValue.null), (" true ", .bool(true)), ("false", .bool(false)),
        ("0", .integer(0)), ("-0", .integer(0)), ("-12", .integer(-12)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9.223372036854775808e18)), ("20.0", .number(20)),
        ("1e2", .number(100)), ("-1.5E-1", .number(-0.15)), ("1e999", .number(.infinity)),
        (#""""#, .string("")), (#""a\"\\\/\b\f\n\r\tz""#, .string("a\"\\/\u{8}\u{C}\n\r\tz")),
        (#""\u0041\u00e9\ud83e\udd8a""#, .string("Aé🦊")), (#""🦊""#, .string("🦊")),
        (#""\u0000""#, .string("\0")), ("[]", .array([])), ("[ ]", .array([])),
        ("[1,[2] , {}]", .array([.integer(1), .array([.integer(2)]), .object([])])),
        (
            #"{"b":1 , "a":null}"#,
            .object([
                JSONValue.Member(key: "b", value: .integer(1)),
                JSONValue.Member(key: "a", value: .null),
            ])
        ),
    ])
    func `is read`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulls", "tru", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN",
        "Infinity", "'a'", "\"", "\"\\", "\"\\u12", "\"\\u12g4\"", "\"\\x\"", "\"\\ud83e\"",
        "\"\\udd8a\"", "\"\\ud83e\\u0041\"", "\"a\nb\"", "[", "[1", "[1,", "[1,]", "[,]", "[1 2]",
        "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:2}",
        "{\"a\" 1}", "{\"a\":1 \"b\":2}", "1 2", "{}}", "\u{FEFF}{}", "// no\n1",
    ])
    func `that is broken is refused`(text: String) {
        let error = #expect(throws: GenerationError.self) { try JSONValue(Array(text.utf8)) }
        #expect(error?.code == "invalidJSON")
        #expect(error?.status == .invalidArgument)
    }

    @Test func `says where it is broken`() {
        let error = #expect(throws: GenerationError.self) {
            try JSONValue(Array("{\n  \"a\": 1,\n  \"a\": 2\n}".utf8))
        }
        #expect(error?.message.contains("'a' is given twice") == true)
        #expect(error?.message.contains("line 3, column 3") == true)
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `may be nested to the limit and no deeper`(opening: String) throws {
        let closing = opening == "[" ? "]" : "}"
        func nested(_ levels: Int) -> [UInt8] {
            Array(
                (String(repeating: opening, count: levels) + "1"
                    + String(repeating: closing, count: levels)).utf8)
        }
        #expect(throws: Never.self) { try JSONValue(nested(JSONValue.depthMaximum)) }
        for levels in [JSONValue.depthMaximum + 1, 200_000] {
            let error = #expect(throws: GenerationError.self) { try JSONValue(nested(levels)) }
            #expect(error?.message.contains("nested deeper") == true)
        }
    }

    @Test func `that is not UTF-8 is refused`() {
        for bytes: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] {
            #expect(throws: GenerationError.self) { try JSONValue([0x22] + bytes + [0x22]) }
        }
    }

    /// Every cut and every single-byte damage of a request gives a value or an error, never a trap.
    @Test func `survives any damage`() {
        let text = Array(
            #"[{"positivePrompt":"a\u00e9\ud83e\udd8a","seed":-1.5e3,"refiner":{"model":null}}]"#
                .utf8)
        for index in text.indices {
            _ = try? RequestReader.read(Array(text[..<index]))
            for byte: UInt8 in [0x00, 0x22, 0x2C, 0x39, 0x5C, 0x5D, 0x7B, 0x7D, 0x80, 0xFF] {
                var damaged = text
                damaged[index] = byte
                _ = try? RequestReader.read(damaged)
            }
        }
    }
}
