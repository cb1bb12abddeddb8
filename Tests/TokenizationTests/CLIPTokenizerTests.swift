import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite struct CLIPTokenizerTests {
    /// Ids that transformers gives, without the padding; see Tests/References.
    struct Golden: Decodable {
        struct Row: Decodable {
            var text: String
            var tokenizer: [Int32]
            /// Absent where it equals `tokenizer`.
            var tokenizer2: [Int32]?
            /// With the start and end tokens; absent where nothing was cut.
            var untruncatedLength: Int?

            enum CodingKeys: String, CodingKey {
                case text, tokenizer
                case tokenizer2 = "tokenizer_2"
                case untruncatedLength = "untruncated_length"
            }
        }
        var rows: [Row]
    }

    static func golden() throws -> [Golden.Row] {
        try JSONDecoder().decode(Golden.self, from: Repository.reference("tokens.json")).rows
    }

    static func padded(_ ids: [Int32], with filler: Int32) -> [Int32] {
        ids + Array(repeating: filler, count: CLIPTokenizer.length - ids.count)
    }

    @Test func `every reference string has transformers' ids with tokenizer 1`() throws {
        let rows = try Self.golden()
        #expect(rows.count == 281)
        for row in rows {
            let prompt = CLIPTokenizer.shared.encode(row.text, padding: .endOfText)
            #expect(
                prompt.ids == Self.padded(row.tokenizer, with: 49407),
                "\(row.text.debugDescription)")
            let textCount = (row.untruncatedLength ?? 0) - 2
            #expect(prompt.truncatedCount == max(0, textCount - 75), "\(row.text.debugDescription)")
        }
    }

    @Test func `every reference string has transformers' ids with tokenizer 2`() throws {
        for row in try Self.golden() {
            let prompt = CLIPTokenizer.shared.encode(row.text, padding: .zero)
            #expect(
                prompt.ids == Self.padded(row.tokenizer2 ?? row.tokenizer, with: 0),
                "\(row.text.debugDescription)")
        }
    }

    @Test(arguments: [
        ("", 1), ("a cat", 3), ("<|endoftext|>", 1), ("a <|endoftext|> b", 2),
        ("<|ENDOFTEXT|>", 7), (String(repeating: "word ", count: 80), 76),
    ])
    func `the pooled state is at the first end token`(text: String, endIndex: Int) {
        for padding in [CLIPTokenizer.Padding.endOfText, .zero] {
            let prompt = CLIPTokenizer.shared.encode(text, padding: padding)
            #expect(prompt.endIndex == endIndex)
            #expect(prompt.ids[endIndex] == CLIPTokenizer.endOfText)
            #expect(prompt.ids.firstIndex(of: CLIPTokenizer.endOfText) == endIndex)
        }
    }

    @Test(arguments: [(0, 0), (1, 0), (74, 0), (75, 0), (76, 1), (200, 125)])
    func `75 tokens of text fit and the rest is counted`(words: Int, cut: Int) {
        let text = String(repeating: "word ", count: words)
        for padding in [CLIPTokenizer.Padding.endOfText, .zero] {
            let prompt = CLIPTokenizer.shared.encode(text, padding: padding)
            #expect(prompt.ids.count == 77)
            #expect(prompt.truncatedCount == cut)
            #expect(prompt.wasTruncated == (cut > 0))
            #expect(prompt.ids.count { $0 == 2653 } == words - cut)
        }
    }

    @Test func `tokenizer 2 takes each exclamation mark out as its padding token`() {
        let expected = Self.padded([49406, 871, 0, 0, 1958, 0, 49407], with: 0)
        #expect(CLIPTokenizer.shared.encode("no!!yes !", padding: .zero).ids == expected)
    }

    @Test func `text is cut at special tokens before it is composed`() {
        // The accent cannot reach the letter on the other side of the mark.
        let apart = CLIPTokenizer.shared.encode("e!\u{301}", padding: .zero)
        let letter = CLIPTokenizer.shared.encode("e", padding: .zero)
        let accent = CLIPTokenizer.shared.encode("\u{301}", padding: .zero)
        let textIDs = letter.ids[1..<letter.endIndex] + [0] + accent.ids[1..<accent.endIndex]
        #expect(Array(apart.ids[1..<apart.endIndex]) == Array(textIDs))
    }

    @Test(arguments: [
        ("one letter", "a", 50_000),
        ("one long mark", "?", 50_000),
        ("exclamation marks", "!", 50_000),
        ("special tokens", "<|endoftext|>", 5_000),
        ("beginnings of special tokens", "<|endoftext", 5_000),
        ("spaces", " ", 50_000),
        ("NUL", "\0", 50_000),
        ("emoji", "\u{1F469}\u{200D}\u{1F680}", 10_000),
        ("combining marks", "\u{301}\u{316}", 4_000),
        ("the last scalar", "\u{10FFFF}", 10_000),
    ])
    func `hostile text has 77 valid ids`(name: String, piece: String, count: Int) {
        let text = "a" + String(repeating: piece, count: count)
        for padding in [CLIPTokenizer.Padding.endOfText, .zero] {
            let prompt = CLIPTokenizer.shared.encode(text, padding: padding)
            #expect(prompt.ids.count == 77)
            #expect(prompt.ids.allSatisfy { (0...49407).contains($0) })
        }
    }

    @Test func `many threads may use the shared tokenizer at once`() async {
        let expected = CLIPTokenizer.shared.encode("a photo of a cat", padding: .zero)
        await withTaskGroup(of: TokenizedPrompt.self) { group in
            for _ in 0..<16 {
                group.addTask { CLIPTokenizer.shared.encode("a photo of a cat", padding: .zero) }
            }
            for await prompt in group { #expect(prompt == expected) }
        }
    }
}
