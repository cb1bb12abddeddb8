/// A caller's text for use in a message: in quotes, control characters escaped, at most 64 scalars.
func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    var result = "'"
    for scalar in scalars.prefix(64) { result += scalar.escaped(asASCII: false) }
    return result + (scalars.dropFirst(64).isEmpty ? "'" : "...'")
}

/// The candidate with the fewest edits to the name, when it is near enough to have been meant.
public func nearest(to name: String, among candidates: [String]) -> String? {
    let name = Array(name.lowercased().unicodeScalars.prefix(128))
    let best = candidates.map { candidate in
        (candidate, editDistance(name, Array(candidate.lowercased().unicodeScalars.prefix(128))))
    }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(2, name.count / 3) else { return nil }
    return best.0
}

/// Levenshtein's distance.
private func editDistance(_ first: [Unicode.Scalar], _ second: [Unicode.Scalar]) -> Int {
    var row = Array(0...second.count)
    for (index, scalar) in first.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in second.indices {
            let substituted = diagonal + (scalar == second[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substituted, diagonal + 1, row[column] + 1)
        }
    }
    return row[second.count]
}

/// `7` for 7.0, `2.5` for 2.5.
func plain(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? String(number)
}

extension String? {
    /// Nil for an empty text too.
    var nonEmpty: String? { self?.isEmpty == false ? self : nil }
}
