import Generation

/// An 8-bit RGB picture to put together from others and from text. What lies outside is cut off.
struct Canvas {
    let size: ImageSize
    /// [height, width, 3].
    private(set) var pixels: [UInt8]

    /// All of one grey.
    init(size: ImageSize, grey: UInt8) {
        self.size = size
        pixels = [UInt8](repeating: grey, count: size.height * size.width * 3)
    }

    mutating func draw(_ picture: Picture, at origin: ImagePoint) {
        for row in 0..<picture.size.height {
            for column in 0..<picture.size.width {
                let from = (row * picture.size.width + column) * 3
                set(origin.top + row, origin.left + column, picture.pixels[from..<from + 3])
            }
        }
    }

    /// - Parameter scale: pixels of a dot's side.
    mutating func draw(_ text: String, at origin: ImagePoint, scale: Int, grey: UInt8 = 255) {
        let white: [UInt8] = [grey, grey, grey]
        for (index, character) in text.enumerated() {
            let left = origin.left + index * DotFont.advance * scale
            for row in 0..<DotFont.height * scale {
                for column in 0..<DotFont.width * scale
                where DotFont.dot(character, column: column / scale, row: row / scale) {
                    set(origin.top + row, left + column, white[...])
                }
            }
        }
    }

    private mutating func set(_ row: Int, _ column: Int, _ colour: ArraySlice<UInt8>) {
        guard (0..<size.height).contains(row), (0..<size.width).contains(column) else { return }
        let place = (row * size.width + column) * 3
        pixels.replaceSubrange(place..<place + 3, with: colour)
    }
}
