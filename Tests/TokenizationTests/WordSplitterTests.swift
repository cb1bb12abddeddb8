import Testing

@testable import Tokenization

@Suite struct WordSplitterTests {
    @Test(arguments: [
        ("", []),
        (" \t\n\u{A0}\u{3000}\u{85}\u{2028}", []),
        ("a  photo\tof\na cat", ["a", "photo", "of", "a", "cat"]),
        ("don't", ["don", "'t"]),
        ("they'll've", ["they", "'ll", "'ve"]),
        ("'sun 'lamp", ["'s", "un", "'", "lamp"]),
        ("''s", ["''", "s"]),
        (".'s", [".'", "s"]),
        ("abc123def", ["abc", "1", "2", "3", "def"]),
        ("½①Ⅳ", ["½", "①", "Ⅳ"]),
        ("(cat:1.2)", ["(", "cat", ":", "1", ".", "2", ")"]),
        ("a\u{301}b", ["a", "\u{301}", "b"]),
        ("zero\u{200B}width", ["zero", "\u{200B}", "width"]),
        ("<|endoftext|>.", ["<|", "endoftext", "|>", "."]),
        ("<|startoftext|>'s", ["<|", "startoftext", "|>", "'s"]),
        ("x<|endoftext", ["x", "<|", "endoftext"]),
        (".<|endoftext|>.", [".<|", "endoftext", "|>."]),
    ])
    func `a text falls into CLIP's words`(text: String, words: [String]) {
        let found = WordSplitter(text).map { Array($0.utf8) }
        #expect(found == words.map { Array($0.utf8) })
    }

    @Test(
        arguments: [
            ("", []),
            ("cat", [.text("cat")]),
            ("!", [.special(0)]),
            ("a!!b", [.text("a"), .special(0), .special(0), .text("b")]),
            ("<|endoftext|>", [.special(49407)]),
            ("<|startoftext|>x", [.special(49406), .text("x")]),
            ("<<|endoftext|>", [.text("<"), .special(49407)]),
            ("<|endoftext|", [.text("<|endoftext|")]),
            ("é!é", [.text("é"), .special(0), .text("é")]),
        ] as [(String, [SpecialTokenSplitter.Segment])])
    func `special tokens are cut out`(text: String, segments: [SpecialTokenSplitter.Segment]) {
        #expect(Array(SpecialTokenSplitter(text, padding: .zero)) == segments)
    }

    @Test func `an exclamation mark is text for tokenizer 1`() {
        #expect(Array(SpecialTokenSplitter("a!", padding: .endOfText)) == [.text("a!")])
    }
}
