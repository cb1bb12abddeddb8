import Generation

/// Lines, for a pipe or a file: one for each step, none for what only tells that work goes on.
struct PlainRendering: Rendering {
    private var last = ""

    mutating func text(for report: Report) -> String {
        let lines = Self.lines(for: report)
        // A report may be repeated, so that a watcher sees that the server lives.
        if lines == [last] { return "" }
        last = lines.last ?? last
        return lines.map { $0 + "\n" }.joined()
    }

    func end() -> String { "" }

    static func lines(for report: Report) -> [String] {
        switch report {
        case .notice(let sentence): ["note: \(Wording.printable(sentence))"]
        case .saved(_, let image, let path): Wording.lines(of: image, path: path)
        // The command itself says so on standard error.
        case .failed: []
        case .event(let event):
            switch event.content {
            case .accepted(let plan): Wording.lines(of: plan)
            case .queued(let queued): queued.place > 0 ? [Wording.line(of: queued)] : []
            // With a preview it is told for the second time.
            case .progress(let progress):
                progress.phaseStep > 0 && progress.preview == nil ? [line(of: progress)] : []
            case .handedOff(let handedOff): [Wording.line(of: handedOff)]
            case .image: []
            case .ended(let ended): [Wording.line(of: ended)]
            case .resumed(let resumed): [Wording.printable(resumed.reason)]
            }
        }
    }

    private static func line(of progress: Event.Progress) -> String {
        let name =
            switch progress.phase {
            case .textEncoding: "text encoded"
            case .imageEncoding: "image encoded"
            case .decoding: "decoded"
            case .base, .refiner: Wording.name(of: progress.phase)
            }
        var parts = [name]
        if progress.imageCount > 1 {
            parts.append("image \(progress.imageIndex + 1)/\(progress.imageCount)")
        }
        return (parts + Wording.facts(of: progress)).joined(separator: "  ")
    }
}
