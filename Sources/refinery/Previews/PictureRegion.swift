import Generation

/// The rows above a live line in which a picture is drawn, and drawn again in its place.
struct PictureRegion {
    let graphics: TerminalGraphics
    let screen: Terminal.Screen
    /// Where the picture is; nil while there is none.
    private var area: TerminalGraphics.Area?
    /// What draws it.
    private var sequence = ""
    /// No other picture of the terminal's has it.
    private var number: UInt32

    private static let saveCursor = "\u{1B}7"
    private static let restoreCursor = "\u{1B}8"

    init(
        graphics: TerminalGraphics, screen: Terminal.Screen,
        number: UInt32 = .random(in: 1...UInt32.max)
    ) {
        self.graphics = graphics
        self.screen = screen
        self.number = number
    }

    /// From the live line, which is empty, to the region's first row; all from there on is removed.
    func erased() -> String {
        guard let area else { return "" }
        return graphics.removal(of: number) + "\r\u{1B}[\(area.rows)A\u{1B}[J"
    }

    /// From the first column of a row below which nothing is: makes room and draws the picture, to the first
    /// column below it.
    func drawn() -> String {
        guard let area else { return "" }
        return String(repeating: "\n", count: area.rows) + "\u{1B}[\(area.rows)A" + redrawn(area)
    }

    private func redrawn(_ area: TerminalGraphics.Area) -> String {
        Self.saveCursor + sequence + Self.restoreCursor + "\u{1B}[\(area.rows)B\r"
    }

    /// Takes a picture in.
    ///
    /// - Parameter size: of the image that it is of.
    /// - Returns: what puts it in the place of the one before, from the live line, which is empty, to the same.
    mutating func show(_ png: [UInt8], of size: ImageSize) -> String {
        guard let area = TerminalGraphics.Area.fitting(size, in: screen),
            let sequence = try? graphics.sequence(of: png, in: area, number: number)
        else { return "" }
        let before = erased()
        let isSame = area == self.area
        self.area = area
        self.sequence = sequence
        return isSame ? "\u{1B}[\(area.rows)A" + redrawn(area) : before + drawn()
    }

    /// The picture stays where it is for good; the next one is drawn elsewhere.
    mutating func close() {
        area = nil
        sequence = ""
        number = .random(in: 1...UInt32.max)
    }
}
