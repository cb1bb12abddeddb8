import Glibc

/// Lines over two axes, as SVG that needs nothing beside itself. Colours are the page's, in CSS.
struct LinePlot {
    struct Line {
        /// For the legend.
        var name: String
        var points: [(x: Double, y: Double)]
    }

    struct Tick {
        var place: Double
        var text: String
    }

    var title: String
    var lines: [Line]
    /// In the units of the points, rising.
    var xTicks: [Tick]
    /// Written along the y axis.
    var yText: (Double) -> String

    private let width = 720.0
    private let height = 260.0
    /// Room for what is written around the lines.
    private let left = 70.0
    private let right = 34.0
    private let top = 34.0
    private let bottom = 30.0

    var svg: String {
        let points = lines.flatMap(\.points)
        let xs = points.map(\.x) + xTicks.map(\.place)
        let (xMinimum, xMaximum) = (xs.min() ?? 0, xs.max() ?? 1)
        let ySteps = Self.roundSteps(upTo: points.map(\.y).max() ?? 1)
        let yMaximum = ySteps.last ?? 1
        func x(_ value: Double) -> Double {
            left + (value - xMinimum) / max(xMaximum - xMinimum, .leastNormalMagnitude)
                * (width - left - right)
        }
        func y(_ value: Double) -> Double {
            height - bottom - value / yMaximum * (height - top - bottom)
        }
        func text(_ kind: String, _ x: Double, _ y: Double, _ text: String) -> String {
            "<text class=\"\(kind)\" x=\"\(Self.text(x))\" y=\"\(Self.text(y))\">"
                + HTMLText.escaped(text) + "</text>"
        }
        var parts = [text("title", left, 14, title)]
        for step in ySteps {
            let (begin, end, place) = (
                Self.text(left), Self.text(width - right), Self.text(y(step))
            )
            parts.append("<path class=\"grid\" d=\"M\(begin) \(place)H\(end)\"/>")
            parts.append(text("y", left - 6, y(step) + 4, yText(step)))
        }
        for tick in xTicks { parts.append(text("x", x(tick.place), height - 10, tick.text)) }
        var legend = left
        for (index, line) in lines.enumerated() {
            let path = line.points.map { "\(Self.text(x($0.x))),\(Self.text(y($0.y)))" }
                .joined(separator: " ")
            parts.append("<polyline class=\"line\(index)\" points=\"\(path)\"/>")
            parts.append(text("key\(index)", legend, 28, line.name))
            legend += Double(line.name.count) * 7.5 + 24
        }
        let view = "0 0 \(Self.text(width)) \(Self.text(height))"
        let name = HTMLText.escaped(title)
        return "<svg viewBox=\"\(view)\" role=\"img\" aria-label=\"\(name)\">\n"
            + parts.joined(separator: "\n") + "\n</svg>\n"
    }

    /// From 0 on, at most six, of which the last is `maximum` or more.
    static func roundSteps(upTo maximum: Double) -> [Double] {
        guard maximum.isFinite, maximum > 0 else { return [0, 1] }
        let magnitude = pow(10, floor(log10(maximum / 5)))
        let step =
            [1, 2, 5, 10].map { $0 * magnitude }.first { $0 * 5 >= maximum } ?? maximum / 5
        return (0...Int((maximum / step - 1e-9).rounded(.up))).map { Double($0) * step }
    }

    private static func text(_ value: Double) -> String { Wording.fixed(value, 1) }
}

/// Text in a page.
enum HTMLText {
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in Wording.printable(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
