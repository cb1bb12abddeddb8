import Generation
import PNGEncoding

// All endings side by side, each with a label, and what sets them apart from the reference.
extension Comparison {
    private struct Panel {
        var picture: Picture
        /// The longest that fits is drawn.
        var titles: [String]
        var line: String
    }

    private static let gap = 8
    private static let backgroundGrey: UInt8 = 24
    private static let lineGrey: UInt8 = 170

    /// - Parameter factor: of the differences.
    /// - Returns: a PNG file.
    func png(factor: Int) throws(PNGEncodingError) -> [UInt8] {
        let pictures = endings.indices.map(picturePanel)
        let differences = endings.indices.filter { $0 != reference }
            .map { differencePanel($0, factor: factor) }
        // Two and their difference fit a row; of more, each has its difference below it.
        let rows =
            endings.count == 2
            ? [pictures + differences]
            : [pictures, indented(differences)]
        let canvas = Self.canvas(rows)
        return try PNGEncoder().encode(
            DecodedImage(imageIndex: 0, size: canvas.size, seed: seed, pixels: canvas.pixels),
            texts: [
                PNGText(keyword: "Software", text: "Refinery"),
                PNGText(keyword: "Comparison", text: json.text),
            ])
    }

    /// With nothing below the reference.
    private func indented(_ differences: [Panel]) -> [Panel?] {
        var row: [Panel?] = differences
        row.insert(nil, at: reference)
        return row
    }

    private func picturePanel(_ index: Int) -> Panel {
        let ending = endings[index].plan
        let steps = "\(ending.baseSteps)+\(ending.refinerSteps)"
        let title = ending.handoff.map { "refiner from step \($0.step)" } ?? "base alone"
        let psnr = index == reference ? "" : "  \(Self.decibels(psnr(index, reference)))"
        return Panel(
            picture: endings[index].picture, titles: ["\(title), \(steps)", title, steps],
            line: "\(Wording.fixed(endings[index].seconds, 1)) s\(psnr)")
    }

    private func differencePanel(_ index: Int, factor: Int) -> Panel {
        Panel(
            picture: difference(index, reference, factor: factor),
            titles: ["difference x \(factor)", "diff x\(factor)"],
            line: Self.decibels(psnr(index, reference)))
    }

    static func decibels(_ psnr: Double) -> String {
        psnr.isFinite ? "\(Wording.fixed(psnr, 1)) dB" : "the same"
    }

    private static func canvas(_ rows: [[Panel?]]) -> Canvas {
        let panel = rows[0].compactMap(\.self).first?.picture.size ?? ImageSize(height: 0, width: 0)
        // Readable in a picture that is shown at a fixed width.
        let scale = max(1, panel.width / 192)
        let lineHeight = (DotFont.height + 3) * scale
        let cell = ImageSize(
            height: panel.height + 2 * lineHeight + gap, width: panel.width + gap)
        let columns = rows.map(\.count).max() ?? 0
        var canvas = Canvas(
            size: ImageSize(
                height: rows.count * cell.height + gap, width: columns * cell.width + gap),
            grey: backgroundGrey)
        for (row, panels) in rows.enumerated() {
            for (column, panel) in panels.enumerated() {
                guard let panel else { continue }
                var place = ImagePoint(
                    top: row * cell.height + gap, left: column * cell.width + gap)
                let letters = panel.picture.size.width / (DotFont.advance * scale)
                let title =
                    panel.titles.first { $0.count <= letters } ?? panel.titles.last ?? ""
                canvas.draw(String(title.prefix(letters)), at: place, scale: scale)
                place.top += lineHeight
                canvas.draw(
                    String(panel.line.prefix(letters)), at: place, scale: scale, grey: lineGrey)
                place.top += lineHeight
                canvas.draw(panel.picture, at: place)
            }
        }
        return canvas
    }
}
