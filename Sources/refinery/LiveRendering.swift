import Generation

/// For a terminal: lines that stay, and below them one that is drawn anew with each step; between them the
/// picture as it forms, where the terminal shows pictures.
struct LiveRendering: Rendering {
    /// Columns of the terminal.
    let width: Int
    let usesColours: Bool
    private var plan: GenerationPlan?
    /// The live line as it stands; empty when there is none.
    private var live = ""
    /// Nil where pictures are not shown.
    private var pictures: PictureRegion?

    /// Back to the first column, and what is there removed.
    private static let clear = "\r\u{1B}[K"

    init(width: Int, usesColours: Bool, pictures: PictureRegion? = nil) {
        self.width = width
        self.usesColours = usesColours
        self.pictures = pictures
    }

    mutating func text(for report: Report) -> String {
        let before = live.isEmpty ? "" : Self.clear
        var lines: [String] = []
        var picture = ""
        switch report {
        case .event(let event):
            switch event.content {
            case .progress(let progress):
                // The last column stays free: some terminals wrap as soon as it is written.
                live = bar(progress.imageIndex)?.line(for: progress, width: width - 1) ?? ""
                if let preview = progress.preview, let size = plan?.size {
                    picture = pictures?.show(preview.png, of: size) ?? ""
                }
            case .accepted(let plan):
                self.plan = plan
                lines = PlainRendering.lines(for: report)
            default:
                lines = PlainRendering.lines(for: report)
            }
        case .saved(_, let image, _):
            live = ""
            lines = PlainRendering.lines(for: report)
            // Where the preview was; it stays there, with what is said of it.
            picture = pictures?.show(image.png, of: image.size) ?? ""
            pictures?.close()
            return before + picture + lines.map { $0 + "\n" }.joined()
        case .failed:
            live = ""
            lines = PlainRendering.lines(for: report)
        case .notice:
            lines = PlainRendering.lines(for: report)
        }
        guard !lines.isEmpty, let pictures else {
            return before + picture + lines.map { $0 + "\n" }.joined() + live
        }
        // Lines that stay go above the picture.
        return before + pictures.erased() + lines.map { $0 + "\n" }.joined() + pictures.drawn()
            + live
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
