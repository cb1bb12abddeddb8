/// Rows of text in columns.
struct TextTable {
    struct Cell: ExpressibleByStringLiteral {
        var text: String
        /// A terminal's colour, such as `32`.
        var colour: String?

        init(_ text: String, colour: String? = nil) {
            self.text = text
            self.colour = colour
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    enum Alignment {
        case left
        case right
    }

    /// Of each column; those beyond are left.
    var alignments: [Alignment] = []
    var rows: [[Cell]] = []

    /// Two blanks between columns, none at the end of a line.
    func text(usesColours: Bool = false) -> String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in
            rows.map { column < $0.count ? $0[column].text.count : 0 }.max() ?? 0
        }
        return rows.map { line($0, widths, usesColours: usesColours) + "\n" }.joined()
    }

    private func line(_ row: [Cell], _ widths: [Int], usesColours: Bool) -> String {
        var line = ""
        // Blanks are owed until something follows them.
        var blanks = 0
        for (column, cell) in row.enumerated() {
            let missing = widths[column] - cell.text.count
            let isRight = column < alignments.count && alignments[column] == .right
            blanks += isRight ? missing : 0
            if !cell.text.isEmpty {
                line += String(repeating: " ", count: blanks)
                blanks = 0
                if usesColours, let colour = cell.colour {
                    line += "\u{1B}[\(colour)m\(cell.text)\u{1B}[0m"
                } else {
                    line += cell.text
                }
            }
            blanks += (isRight ? 0 : missing) + 2
        }
        return line
    }
}
