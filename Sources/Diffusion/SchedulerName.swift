/// A scheduler as callers name it, resolved to an algorithm and a spacing.
public struct SchedulerName: Equatable, Sendable {
    /// As the caller wrote it.
    public let name: String
    public let algorithm: SamplerAlgorithm
    public let spacing: Spacing

    /// Looks `name` up among ``all``; upper and lower case, spaces, dashes and underscores are alike.
    public init(_ name: String) throws(SchedulerNameError) {
        let key = Self.key(name)
        if let entry = Self.table.first(where: { Self.key($0.name) == key }) {
            (algorithm, spacing) = (entry.algorithm, entry.spacing)
            self.name = name
        } else if let entry = Self.unsupported.first(where: { Self.key($0.name) == key }) {
            throw .unsupported(name: entry.name, reason: entry.reason)
        } else {
            throw .unknown(name: name, nearest: Self.nearest(to: key))
        }
    }

    /// Every name there is, in the order to show them.
    public static var all: [String] { table.map(\.name) }

    /// The schedule of a whole generation; `stepCount` within ``Schedule/stepCounts``.
    public func schedule(stepCount: Int) -> Schedule {
        algorithm.schedule(stepCount: stepCount, spacing: spacing)
    }

    private static func key(_ name: String) -> String {
        name.lowercased().filter { !" -_".contains($0) }
    }

    /// The three names that need the fewest letters changed.
    private static func nearest(to key: String) -> [String] {
        all.map { (name: $0, distance: editDistance(Self.key($0), key)) }
            .sorted { $0.distance < $1.distance }
            .prefix(3).map(\.name)
    }

    /// Levenshtein's distance, of at most the first 64 letters of each.
    private static func editDistance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first.prefix(64)), Array(second.prefix(64)))
        var row = Array(0...second.count)
        for (i, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in second.enumerated() {
                let changed = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(changed, row[j] + 1, diagonal + 1)
            }
        }
        return row[second.count]
    }
}

/// A scheduler name that cannot be used.
public enum SchedulerNameError: Error, Equatable, Sendable {
    case unknown(name: String, nearest: [String])
    case unsupported(name: String, reason: String)
}

extension SchedulerNameError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknown(let name, let nearest):
            "there is no scheduler \"\(name.prefix(64))\"; nearest are "
                + nearest.map { "\"\($0)\"" }.joined(separator: ", ")
        case .unsupported(let name, let reason):
            "the scheduler \"\(name)\" \(reason); there are "
                + SamplerAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
        }
    }
}
