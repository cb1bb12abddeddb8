import Generation

/// For a terminal: lines that stay, and below them one that is drawn anew with each step.
struct LiveRendering: Rendering {
    /// Columns of the terminal.
    let width: Int
    let usesColours: Bool
    private var plan: GenerationPlan?
    /// The live line as it stands; empty when there is none.
    private var live = ""

    /// Back to the first column, and what is there removed.
    private static let clear = "\r\u{1B}[K"

    init(width: Int, usesColours: Bool) {
        self.width = width
        self.usesColours = usesColours
    }

    mutating func text(for report: Report) -> String {
        let before = live.isEmpty ? "" : Self.clear
        var lines: [String] = []
        switch report {
        case .event(let event):
            switch event.content {
            case .progress(let progress):
                // The last column stays free: some terminals wrap as soon as it is written.
                live = bar(progress.imageIndex)?.line(for: progress, width: width - 1) ?? ""
            case .accepted(let plan):
                self.plan = plan
                lines = PlainRendering.lines(for: report)
            default:
                lines = PlainRendering.lines(for: report)
            }
        case .saved, .failed:
            live = ""
            lines = PlainRendering.lines(for: report)
        case .notice:
            lines = PlainRendering.lines(for: report)
        }
        return before + lines.map { $0 + "\n" }.joined() + live
    }

    private func bar(_ image: Int) -> ProgressBar? {
        guard let ending = plan?.ending(ofImage: image) else { return nil }
        return ProgressBar(
            baseSteps: ending.baseSteps, refinerSteps: ending.refinerSteps,
            usesColours: usesColours)
    }

    mutating func end() -> String {
        defer { live = "" }
        return live.isEmpty ? "" : "\n"
    }
}
