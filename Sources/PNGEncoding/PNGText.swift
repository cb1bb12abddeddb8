/// A text in a PNG file, as viewers show it.
public struct PNGText: Equatable, Sendable {
    /// 1 to 79 printable Latin-1 characters, no space at either end and no two in a row. Viewers of
    /// generated pictures read `parameters`.
    public var keyword: String
    /// Any text without NUL.
    public var text: String

    public init(keyword: String, text: String) {
        self.keyword = keyword
        self.text = text
    }

    /// Appends the keyword in Latin-1 and the text in UTF-8, a NUL after each.
    func appendChecked(to pairs: inout [CChar]) throws(PNGEncodingError) {
        // The rules are the PNG specification's, third edition, 11.3.3.2.
        let scalars = keyword.unicodeScalars
        guard (1...79).contains(scalars.count) else {
            throw .badKeyword(keyword, "it must have 1 to 79 characters")
        }
        let printable = scalars.allSatisfy {
            (0x20...0x7E).contains($0.value) || (0xA1...0xFF).contains($0.value)
        }
        guard printable else {
            throw .badKeyword(keyword, "it must be printable Latin-1")
        }
        guard scalars.first != " ", scalars.last != " ", !keyword.contains("  ") else {
            throw .badKeyword(keyword, "it must have no space at either end, nor two in a row")
        }
        guard !text.utf8.contains(0) else { throw .textHoldsNUL(keyword: keyword) }

        pairs += scalars.map { CChar(bitPattern: UInt8($0.value)) }
        pairs.append(0)
        pairs += text.utf8.map { CChar(bitPattern: $0) }
        pairs.append(0)
    }
}
