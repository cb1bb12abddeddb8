// Foundation's `precomposedStringWithCanonicalMapping` is no substitute on Linux: it turns some
// Hangul sequences into U+FFFD. The standard library's own normalizer is right, but not yet public.
@_spi(_Unicode) import Swift

/// What CLIP's tokenizer does to a text before it looks at words: canonical composition (NFC), then
/// lower case. It also makes each run of white space one space, which no word can tell.
enum TextNormalizer {
    static func normalize(_ text: Substring) -> String {
        var normalized = String.UnicodeScalarView()
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            for scalar in text.unicodeScalars { normalized.appendLowercase(scalar) }
        } else {
            for scalar in decomposingStarters(text)._nfc { normalized.appendLowercase(scalar) }
        }
        return String(normalized)
    }

    /// The same text with three Tibetan vowel signs taken apart. They alone have combining class 0
    /// and a decomposition that begins with another class, which the standard library's normalizer
    /// does not sort. Nothing composes to them, so the composed form is unchanged.
    private static func decomposingStarters(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\u{0F73}": result.append(contentsOf: ["\u{0F71}", "\u{0F72}"])
            case "\u{0F75}": result.append(contentsOf: ["\u{0F71}", "\u{0F74}"])
            case "\u{0F81}": result.append(contentsOf: ["\u{0F71}", "\u{0F80}"])
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}

extension String.UnicodeScalarView {
    /// Lower case scalar by scalar, without regard to its neighbours: a capital sigma at the end of
    /// a word becomes the ordinary small one.
    fileprivate mutating func appendLowercase(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "A"..."Z": append(Unicode.Scalar(UInt8(scalar.value) | 0x20))
        case _ where scalar.isASCII: append(scalar)
        default: append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
    }
}
