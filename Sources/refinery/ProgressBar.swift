import Generation

/// The whole schedule as one bar in two colours, a mark where the refiner takes over:
///
///     base     ██████████████░░░░░░░│░░░░  step 23/40  ETA 0:12  2.38 it/s  sigma 3.214
struct ProgressBar: Equatable {
    var baseSteps: Int
    var refinerSteps: Int
    var usesColours: Bool

    private static let cells = 10...40
    /// Columns kept beside the bar for its label, the mark and most facts, so that it keeps its
    /// length when a number grows by a digit.
    private static let besides = 60

    private static let baseColour = "36"
    private static let refinerColour = "35"

    /// One line that takes at most `width` columns: the label, the bar, and the most important
    /// facts, as many as fit. In a terminal too narrow for a bar and one fact, there is no bar.
    func line(for progress: Event.Progress, width: Int) -> String {
        let name = Wording.name(of: progress.phase)
        let label = name + String(repeating: " ", count: max(0, 9 - name.count))
        var facts = Wording.facts(of: progress)
        if progress.imageCount > 1 {
            let image = "image \(progress.imageIndex + 1)/\(progress.imageCount)"
            facts.insert(image, at: min(1, facts.count))
        }

        let cells = min(max(width - Self.besides, Self.cells.lowerBound), Self.cells.upperBound)
        let mark = 1
        var room = width - label.count - cells - mark
        var text = ""
        for fact in facts {
            guard room >= fact.count + 2 else { break }
            text += "  " + fact
            room -= fact.count + 2
        }
        guard room >= 0, facts.isEmpty || !text.isEmpty else {
            return String((label + (facts.first ?? "")).prefix(max(0, width)))
        }
        return coloured(label, progress.phase) + bar(step: progress.step, cells: cells) + text
    }

    /// Each expert has cells in proportion to its steps, but at least one. Its last cell is filled
    /// with its last step.
    func bar(step: Int, cells: Int) -> String {
        guard refinerSteps > 0 else {
            return part(step, of: baseSteps, cells: cells, "█", Self.baseColour)
        }
        let steps = baseSteps + refinerSteps
        let share = (cells * baseSteps + steps / 2) / steps
        let baseCells = min(max(share, 1), cells - 1)
        return part(step, of: baseSteps, cells: baseCells, "█", Self.baseColour) + "│"
            + part(
                step - baseSteps, of: refinerSteps, cells: cells - baseCells, "▓",
                Self.refinerColour)
    }

    private func part(
        _ step: Int, of steps: Int, cells: Int, _ full: String, _ colour: String
    ) -> String {
        let filled = cells * min(max(step, 0), steps) / max(steps, 1)
        return coloured(String(repeating: full, count: filled), colour)
            + coloured(String(repeating: "░", count: cells - filled), "2;" + colour)
    }

    private func coloured(_ text: String, _ phase: Phase) -> String {
        switch phase {
        case .base: coloured(text, Self.baseColour)
        case .refiner: coloured(text, Self.refinerColour)
        case .textEncoding, .imageEncoding, .decoding: text
        }
    }

    private func coloured(_ text: String, _ colour: String) -> String {
        usesColours && !text.isEmpty ? "\u{1B}[\(colour)m\(text)\u{1B}[0m" : text
    }
}
