import Testing

@testable import Tokenization

@Suite struct TextNormalizerTests {
    /// Scalars, since two strings are equal whenever their normal forms are.
    static func normalized(_ text: String) -> [Unicode.Scalar] {
        Array(TextNormalizer.normalize(text[...]).unicodeScalars)
    }

    @Test(arguments: [
        ("composes", "cafe\u{301}", "caf\u{E9}"),
        ("keeps a composition exclusion apart", "\u{958}", "\u{915}\u{93C}"),
        ("orders marks", "a\u{301}\u{316}", "\u{E1}\u{316}"),
        ("replaces singletons", "\u{212B}\u{212A}", "\u{E5}k"),
        ("composes Hangul", "\u{1100}\u{1161}\u{11A8}", "\u{AC01}"),
        ("leaves archaic Hangul alone", "\u{1113}\u{1166}", "\u{1113}\u{1166}"),
        ("orders a mark before a Tibetan vowel", "\u{1DF2}\u{F73}", "\u{F71}\u{F72}\u{1DF2}"),
        ("knows no final sigma", "\u{39F}\u{3A3}", "\u{3BF}\u{3C3}"),
        ("does not compose again after lower case", "\u{130}", "i\u{307}"),
        ("keeps full-width forms, but small", "\u{FF21}", "\u{FF41}"),
        ("keeps NUL", "A\0B", "a\0b"),
        ("takes nothing", "", ""),
    ])
    func `a text is composed, then small`(name: String, text: String, expected: String) {
        #expect(Self.normalized(text) == Array(expected.unicodeScalars))
    }
}
