/// Measurements as OpenMetrics writes them (OpenMetrics 1.0.0), for Prometheus and its kin.
///
/// A *family* is a name with a type and a help text, and one sample for each set of labels.
public struct OpenMetricsText {
    public static let contentType =
        "application/openmetrics-text; version=1.0.0; charset=utf-8"

    public typealias Labels = [String: String]

    private var lines = ""

    public init() {}

    /// The whole, once all families are in it.
    public var text: String { lines + "# EOF\n" }

    /// What only grows. The samples' names get the suffix `_total`.
    ///
    /// - Parameter unit: a part of the name, its last; nil for a mere count.
    public mutating func counter(
        _ name: String, _ help: String, unit: String? = nil, _ samples: [(Labels, Double)]
    ) {
        begin(name, "counter", help, unit)
        for (labels, value) in samples { add(name + "_total", labels, value) }
    }

    public mutating func counter(
        _ name: String, _ help: String, unit: String? = nil, _ value: UInt64
    ) {
        counter(name, help, unit: unit, [([:], Double(value))])
    }

    /// What goes up and down.
    public mutating func gauge(
        _ name: String, _ help: String, unit: String? = nil, _ samples: [(Labels, Double)]
    ) {
        begin(name, "gauge", help, unit)
        for (labels, value) in samples { add(name, labels, value) }
    }

    public mutating func gauge(
        _ name: String, _ help: String, unit: String? = nil, _ value: Double
    ) {
        gauge(name, help, unit: unit, [([:], value)])
    }

    /// Texts that hold for as long as the process.
    public mutating func info(_ name: String, _ help: String, _ labels: Labels) {
        begin(name, "info", help, nil)
        add(name + "_info", labels, 1)
    }

    public mutating func histogram(
        _ name: String, _ help: String, unit: String?, _ samples: [(Labels, Histogram)]
    ) {
        begin(name, "histogram", help, unit)
        for (labels, histogram) in samples {
            let bounds = histogram.bounds.map { "\($0)" } + ["+Inf"]
            for (bound, count) in zip(bounds, histogram.cumulativeCounts) {
                add(name + "_bucket", labels, Double(count), bound: bound)
            }
            add(name + "_count", labels, Double(histogram.count))
            add(name + "_sum", labels, histogram.sum)
        }
    }

    private mutating func begin(
        _ name: String, _ type: String, _ help: String, _ unit: String?
    ) {
        lines += "# TYPE \(name) \(type)\n"
        if let unit { lines += "# UNIT \(name) \(unit)\n" }
        lines += "# HELP \(name) \(Self.escaped(help))\n"
    }

    private mutating func add(
        _ name: String, _ labels: Labels, _ value: Double, bound: String? = nil
    ) {
        var pairs = labels.sorted { $0.key < $1.key }
            .map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
        if let bound { pairs.append("le=\"\(bound)\"") }
        let list = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
        lines += "\(name)\(list) \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        if value.isNaN { return "NaN" }
        return value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n", "\r\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
