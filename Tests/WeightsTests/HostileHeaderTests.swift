import TestSupport
import Testing
import Weights

/// Whatever the bytes are, the outcome is a usable file or an error that says what is wrong.
struct HostileHeaderTests {
    struct Mutation: Sendable, CustomStringConvertible {
        var description: String
        var bytes: [UInt8]
        var reason: ModelFileError.Reason
        var tensor: String?

        init(
            _ description: String, _ bytes: [UInt8], _ reason: ModelFileError.Reason,
            tensor: String? = nil
        ) {
            self.description = description
            self.bytes = bytes
            self.reason = reason
            self.tensor = tensor
        }

        /// One tensor `a` of that description, before `data` zeros.
        init(
            _ description: String, dtype: String = "F32", shape: String = "[2]",
            offsets: String = "[0,8]", data: Int = 8, _ reason: ModelFileError.Reason
        ) {
            self.init(
                description,
                SafetensorsBytes.file(
                    header:
                        #"{"a":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#,
                    data: [UInt8](repeating: 0, count: data)),
                reason, tensor: "a")
        }
    }

    @Test(arguments: structures + sizes)
    func `is refused with its reason`(_ mutation: Mutation) throws {
        let error = #expect(throws: ModelFileError.self) {
            try ModelFile(name: "x.safetensors", bytes: mutation.bytes)
        }
        #expect(error?.reason == mutation.reason)
        #expect(error?.tensor == mutation.tensor)
        #expect(error?.file == "x.safetensors")
        #expect(error?.description.hasPrefix("x.safetensors") == true)
    }

    static let sizes: [Mutation] = [
        Mutation(
            "unknown element type", dtype: "F31", .unknownElementType("F31")),
        Mutation(
            "element type in lower case", dtype: "f32", .unknownElementType("f32")),
        Mutation(
            "shape whose product is more than an Int",
            shape: "[4294967296,4294967296]",
            .sizeOverflow(shape: [4_294_967_296, 4_294_967_296])),
        Mutation(
            "shape whose product overflows although a zero follows",
            shape: "[4294967296,4294967296,0]", offsets: "[0,0]", data: 0,
            .sizeOverflow(shape: [4_294_967_296, 4_294_967_296, 0])),
        Mutation(
            "shape whose count fits but whose bits do not",
            shape: "[9223372036854775807]", .sizeOverflow(shape: [.max])),
        Mutation("nine dimensions", shape: "[1,1,1,1,1,1,1,1,1]", .tooManyDimensions(9)),
        Mutation("end before begin", offsets: "[8,0]", .offsetsReversed(begin: 8, end: 0)),
        Mutation(
            "end beyond the file", offsets: "[0,16]",
            .offsetsBeyondFile(end: 16, dataByteCount: 8)),
        Mutation(
            "greatest offsets", offsets: "[9223372036854775800,9223372036854775807]",
            .offsetsBeyondFile(end: .max, dataByteCount: 8)),
        Mutation(
            "span shorter than the shape", shape: "[3]", .sizeMismatch(needed: 12, spanned: 8)),
        Mutation("span longer than the shape", shape: "[1]", .sizeMismatch(needed: 4, spanned: 8)),
        Mutation(
            "scalar with the span of two", shape: "[]", .sizeMismatch(needed: 4, spanned: 8)),
        Mutation(
            "elements that do not fill a byte", dtype: "F4", shape: "[3]", offsets: "[0,1]",
            data: 1,
            .sizeMismatch(needed: 2, spanned: 1)),
        Mutation("hole at the start", offsets: "[4,12]", data: 12, .hole(byteCount: 4)),
        Mutation(
            "hole between tensors",
            SafetensorsBytes.file(header: two("[0,4]", "[5,9]"), data: zeros(9)),
            .hole(byteCount: 1), tensor: "b"),
        Mutation(
            "overlap",
            SafetensorsBytes.file(header: two("[0,4]", "[3,7]"), data: zeros(7)),
            .overlap(with: "a"), tensor: "b"),
        Mutation(
            "the same bytes twice",
            SafetensorsBytes.file(header: two("[0,4]", "[0,4]"), data: zeros(4)),
            .overlap(with: "a"), tensor: "b"),
        Mutation(
            "bytes after the last tensor",
            SafetensorsBytes.file(header: two("[0,4]", "[4,8]"), data: zeros(10)),
            .trailingBytes(2)),
        Mutation(
            "data and no tensor", SafetensorsBytes.file(header: "{}", data: zeros(1)),
            .trailingBytes(1)),
    ]

    static let structures: [Mutation] = [
        Mutation("no bytes", [], .tooShort(byteCount: 0)),
        Mutation("nine bytes", zeros(9), .tooShort(byteCount: 9)),
        Mutation(
            "header longer than the file", SafetensorsBytes.littleEndian(UInt64(3)) + [123, 125],
            .headerBeyondFile(headerByteCount: 3, fileByteCount: 10)),
        Mutation(
            "header over the limit", SafetensorsBytes.littleEndian(UInt64(100_000_001)) + zeros(2),
            .headerOverLimit(headerByteCount: 100_000_001)),
        Mutation(
            "greatest header length", SafetensorsBytes.littleEndian(UInt64.max) + zeros(2),
            .headerOverLimit(headerByteCount: .max)),
        Mutation(
            "header of length 0", zeros(10), .malformedHeader(byte: 0, "expected an object")),
        malformed("array for a header", "[]", 0, "expected an object"),
        malformed("string for a header", "\"a\"", 0, "expected an object"),
        malformed("byte order mark", "\u{FEFF}{}", 0, "expected an object"),
        malformed("second value after the header", "{}{}", 2, "expected the header's end"),
        malformed("zero bytes after the header", "{}\0\0", 2, "expected the header's end"),
        malformed("header that does not end", "{ ", 2, "expected a string"),
        malformed("comma before the end", "{\"__metadata__\":{},}", 19, "expected a string"),
        malformed("key without quotes", "{a:1}", 1, "expected a string"),
        malformed("key without value", "{\"a\"}", 4, "expected a colon"),
        malformed("number for metadata", "{\"__metadata__\":1}", 16, "expected an object"),
        malformed(
            "metadata that is not a string", "{\"__metadata__\":{\"k\":1}}", 21,
            "expected a string"),
        malformed(
            "nested metadata", "{\"__metadata__\":{\"k\":{}}}", 21, "expected a string"),
        malformed(
            "metadata key twice", "{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 30,
            "the metadata \"k\" occurs twice"),
        malformed(
            "metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 34,
            "__metadata__ occurs twice"),
        malformed(
            "string that does not end", "{\"abc", 5, "a string does not end"),
        malformed("string that ends in a backslash", "{\"a\\", 4, "a string does not end"),
        malformed("unknown escape", "{\"\\x\":1}", 4, "there is no escape \"\\x\""),
        malformed(
            "escape without digits", "{\"\\u12g4\":1}", 6, "expected four hexadecimal digits"),
        malformed(
            "first half of a surrogate pair", "{\"\\ud83d\":1}", 8,
            "an escape is half a surrogate pair"),
        malformed(
            "second half of a surrogate pair", "{\"\\udc31\":1}", 8,
            "an escape is half a surrogate pair"),
        malformed(
            "surrogate pair of two first halves", "{\"\\ud83d\\ud83d\":1}", 14,
            "an escape is half a surrogate pair"),
        malformed(
            "line break in a string", "{\"a\n\":1}", 3,
            "a string holds an unescaped control character"),
        Mutation(
            "string that is not UTF-8",
            SafetensorsBytes.file(header: Array("{\"".utf8) + [0xFF, 0x22, 0x7D]),
            .malformedHeader(byte: 4, "a string is not UTF-8")),
        Mutation(
            "string with an overlong form",
            SafetensorsBytes.file(header: Array("{\"".utf8) + [0xC0, 0x80, 0x22, 0x7D]),
            .malformedHeader(byte: 5, "a string is not UTF-8")),
        Mutation(
            "a million brackets",
            SafetensorsBytes.file(header: [UInt8](repeating: 0x5B, count: 1_000_000)),
            .malformedHeader(byte: 0, "expected an object")),
        Mutation(
            "a million brackets for a shape",
            SafetensorsBytes.file(
                header: Array("{\"a\":{\"shape\":".utf8)
                    + [UInt8](repeating: 0x5B, count: 1_000_000)),
            .malformedHeader(byte: 15, "expected a whole number that is not negative"),
            tensor: "a"),
        Mutation(
            "a million braces",
            SafetensorsBytes.file(
                header: Array(String(repeating: "{\"a\":", count: 200_000).utf8)),
            .malformedHeader(byte: 10, "the field \"a\" is not of this format"), tensor: "a"),
        tensor("null for a tensor", "null", 5, "expected an object"),
        tensor("tensor without fields", "{}", 7, "a tensor needs dtype, shape and data_offsets"),
        tensor(
            "tensor without offsets", "{\"dtype\":\"F32\",\"shape\":[0]}", 32,
            "a tensor needs dtype, shape and data_offsets"),
        tensor(
            "field twice", "{\"shape\":[],\"shape\":[]}", 25, "the field \"shape\" occurs twice"),
        tensor("unknown field", "{\"order\":1}", 14, "the field \"order\" is not of this format"),
        tensor("number for an element type", "{\"dtype\":32}", 14, "expected a string"),
        tensor("number for a shape", "{\"shape\":2}", 14, "expected an array"),
        tensor(
            "negative length", "{\"shape\":[-1]}", 15,
            "expected a whole number that is not negative"),
        tensor(
            "fractional length", "{\"shape\":[1.5]}", 16,
            "expected a whole number, not a fraction or power"),
        tensor(
            "power of ten", "{\"shape\":[1e3]}", 16,
            "expected a whole number, not a fraction or power"),
        tensor(
            "number in quotes", "{\"shape\":[\"1\"]}", 15,
            "expected a whole number that is not negative"),
        tensor(
            "length of 2^63", "{\"shape\":[9223372036854775808]}", 33,
            "the number is larger than 2^63 - 1"),
        tensor(
            "length of 40 digits",
            "{\"shape\":[1000000000000000000000000000000000000000]}", 34,
            "the number is larger than 2^63 - 1"),
        tensor(
            "leading zero", "{\"shape\":[01]}", 17, "a number begins with a needless zero"),
        tensor(
            "comma at the end of a shape", "{\"shape\":[1,]}", 17,
            "expected a whole number that is not negative"),
        tensor(
            "one offset", "{\"data_offsets\":[0]}", 24, "data_offsets has fewer than two numbers"),
        tensor(
            "three offsets", "{\"data_offsets\":[0,0,0]}", 27,
            "data_offsets has more than two numbers"),
        Mutation(
            "tensor name twice",
            SafetensorsBytes.file(
                header: two("[0,4]", "[4,8]").replacing("\"b\"", with: "\"a\""), data: zeros(8)),
            .duplicateName, tensor: "a"),
        Mutation(
            "tensor name twice, once in escapes",
            SafetensorsBytes.file(
                header: two("[0,4]", "[4,8]").replacing("\"b\"", with: "\"\\u0061\""),
                data: zeros(8)),
            .duplicateName, tensor: "a"),
        Mutation(
            "more tensors than the limit", SafetensorsBytes.file(header: crowd(100_001)),
            .tooManyTensors),
    ]

    private static func malformed(
        _ description: String, _ header: String, _ byte: Int, _ what: String
    ) -> Mutation {
        Mutation(
            description, SafetensorsBytes.file(header: header),
            .malformedHeader(byte: byte, what))
    }

    /// A malformed tensor `a`.
    private static func tensor(
        _ description: String, _ value: String, _ byte: Int, _ what: String
    ) -> Mutation {
        Mutation(
            description, SafetensorsBytes.file(header: "{\"a\":\(value)}"),
            .malformedHeader(byte: byte, what), tensor: "a")
    }

    private static func two(_ first: String, _ second: String) -> String {
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":\#(first)},"#
            + #""b":{"dtype":"F32","shape":[1],"data_offsets":\#(second)}}"#
    }

    private static func crowd(_ count: Int) -> String {
        let members = (0..<count).map {
            #""\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
        }
        return "{\(members.joined(separator: ","))}"
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private static let sound = SafetensorsBytes.file(
        [
            .init("first", "F16", [2, 3]), .init("second.weight", "F32", []),
            .init("third", "I64", [1, 2]),
        ], metadata: ["format": "pt"])

    @Test func `a file cut short anywhere is refused`() throws {
        for byteCount in 0..<Self.sound.count {
            #expect(throws: ModelFileError.self, "cut to \(byteCount) bytes") {
                try ModelFile(name: "cut", bytes: Array(Self.sound.prefix(byteCount)))
            }
        }
        #expect(try ModelFile(name: "whole", bytes: Self.sound).tensorNames.count == 3)
    }

    @Test func `a changed byte anywhere gives a sound file or an error`() {
        for index in Self.sound.indices {
            for change: UInt8 in [0x01, 0x02, 0x10, 0x20, 0x80, 0xFF] {
                var bytes = Self.sound
                bytes[index] ^= change
                guard let file = try? ModelFile(name: "changed", bytes: bytes) else { continue }
                for name in file.tensorNames {
                    let sum = file.withBytes(of: name) { $0.reduce(0) { $0 &+ Int($1) } }
                    #expect(sum != nil, "byte \(index) changed by \(change)")
                }
            }
        }
    }

    @Test func `an error shows no control characters and no endless names`() throws {
        let name = "\\u001b[2J\\n\\u202e" + String(repeating: "x", count: 100_000)
        let error = try #require(
            #expect(throws: ModelFileError.self) {
                try ModelFile(
                    name: "x", bytes: SafetensorsBytes.file(header: "{\"\(name)\":{}}"))
            })
        #expect(error.description.count < 500)
        #expect(error.description.contains("\"\\u{1B}[2J\\n\\u{202E}xxx"), "\(error)")
    }
}
