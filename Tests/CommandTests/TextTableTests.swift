import Testing

@testable import refinery

struct TextTableTests {
    @Test func `columns are as wide as their widest cell, and no line ends in blanks`() {
        let table = TextTable(
            alignments: [.left, .right],
            rows: [["part", "seconds", "note"], ["a", "1.5", ""], ["longer", "12", "x"], ["b"]])
        #expect(
            table.text() == """
                part    seconds  note
                a           1.5
                longer       12  x
                b

                """)
    }

    @Test func `colours take no room`() {
        let table = TextTable(rows: [[.init("ab", colour: "32"), "c"], ["abc", "d"]])
        #expect(table.text(usesColours: true) == "\u{1B}[32mab\u{1B}[0m   c\nabc  d\n")
        #expect(table.text() == "ab   c\nabc  d\n")
    }
}
