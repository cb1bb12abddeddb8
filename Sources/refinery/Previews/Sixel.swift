import Generation

/// Pictures as DEC's sixels: bands of 6 rows of pixels, each band drawn once for every colour in it. The
/// colours are 6 shades each of red, green and blue, and dithering stands for those between.
enum Sixel {
    static let shades = 6

    /// Bayer's matrix: thresholds spread as evenly as can be.
    private static let thresholds: [Int] = [
        0, 8, 2, 10,
        12, 4, 14, 6,
        3, 11, 1, 9,
        15, 7, 13, 5,
    ]

    static func sequence(of picture: Picture) -> String {
        let (height, width) = (picture.size.height, picture.size.width)
        let colours = dithered(picture)
        // Pixels that are not drawn keep what is there; pixels are square.
        var text = Array("\u{1B}P0;1q\"1;1;\(width);\(height)".utf8)
        for colour in Set(colours).sorted() {
            let parts = [colour / (shades * shades), colour / shades % shades, colour % shades]
            let percent = parts.map { "\($0 * 100 / (shades - 1))" }.joined(separator: ";")
            text += Array("#\(colour);2;\(percent)".utf8)
        }
        var bits = [UInt8](repeating: 0, count: width)
        for top in stride(from: 0, to: height, by: 6) {
            let band = colours[top * width..<min(top + 6, height) * width]
            for colour in Set(band).sorted() {
                for column in 0..<width { bits[column] = 0 }
                for (index, other) in band.enumerated() where other == colour {
                    bits[index % width] |= 1 << UInt8(index / width)
                }
                text += Array("#\(colour)".utf8)
                append(bits, to: &text)
                // Back to the left, for the next colour.
                text.append(UInt8(ascii: "$"))
            }
            text.append(UInt8(ascii: "-"))
        }
        return String(decoding: text, as: UTF8.self) + "\u{1B}\\"
    }

    /// Every pixel's colour, [height, width].
    private static func dithered(_ picture: Picture) -> [Int] {
        let width = picture.size.width
        return (0..<picture.size.height * width).map { pixel in
            // Of 1/16 of a shade, half of one of them on top.
            let threshold = 2 * thresholds[pixel / width % 4 * 4 + pixel % width % 4] + 1
            return (0..<3).reduce(0) { colour, part in
                let value = Int(picture.pixels[3 * pixel + part]) * (shades - 1) * 32
                return colour * shades + min((value / 255 + threshold) / 32, shades - 1)
            }
        }
    }

    /// Runs of four and more are counted.
    private static func append(_ bits: [UInt8], to text: inout [UInt8]) {
        var start = 0
        while start < bits.count {
            var end = start + 1
            while end < bits.count, bits[end] == bits[start] { end += 1 }
            // What is empty to the right need not be said.
            if bits[start] == 0, end == bits.count { return }
            let character = bits[start] + 63
            if end - start > 3 {
                text += Array("!\(end - start)".utf8) + [character]
            } else {
                text += [UInt8](repeating: character, count: end - start)
            }
            start = end
        }
    }
}
