import Testing

@testable import refinery

@Suite struct WordingTests {
    @Test(arguments: [
        (0, 2, "0.00"), (1.005, 1, "1.0"), (0.0292, 3, "0.029"), (14.6146, 3, "14.615"),
        (-0.001, 2, "0.00"), (-1.5, 1, "-1.5"), (9.999, 2, "10.00"), (2.5, 0, "3"),
        (.infinity, 2, "inf"), (1e300, 2, "1e+300"),
    ])
    func `a number has fixed digits`(value: Double, digits: Int, text: String) {
        #expect(Wording.fixed(value, digits) == text)
    }

    @Test(arguments: [
        (0, "0:00"), (0.2, "0:01"), (59, "0:59"), (60, "1:00"), (3599.5, "1:00:00"),
        (3_725, "1:02:05"), (-1, "-:--"), (.nan, "-:--"), (.infinity, "-:--"),
    ])
    func `a wait is minutes and seconds`(seconds: Double, text: String) {
        #expect(Wording.clock(seconds) == text)
    }

    @Test(arguments: [
        (0, "0 bytes"), (999, "999 bytes"), (1_800, "1.8 kB"), (1_790_000, "1.8 MB"),
        (6_938_000_000, "6.9 GB"),
    ])
    func `a size has a unit`(count: Int, text: String) {
        #expect(Wording.bytes(count) == text)
    }

    @Test func `foreign text cannot steer the terminal`() {
        #expect(Wording.printable("a\u{1B}[2Jb\nc\u{202E}") == "a\\u{1B}[2Jb\\nc\\u{202E}")
        #expect(Wording.printable("café 日本") == "café 日本")
    }
}
