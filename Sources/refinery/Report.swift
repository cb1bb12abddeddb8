import Generation

/// Something that `refinery generate` tells its caller.
enum Report {
    /// A sentence about the request.
    case notice(String)
    /// Any event but an image.
    case event(Event)
    /// The image of an event, once its file is written.
    case saved(Event, Event.Image, path: String)
    case failed(GenerationError)
}

enum Renderings {
    /// The one for who reads: a program, a person at a terminal, a pipe.
    ///
    /// - Parameter graphics: how a terminal shows pictures; nil for not at all.
    static func make(json: Bool, graphics: TerminalGraphics? = nil) -> any Rendering {
        if json { return JSONRendering() }
        guard let screen = Terminal.screen(of: .output) else { return PlainRendering() }
        return LiveRendering(
            width: screen.columns, usesColours: Terminal.wantsColours,
            pictures: graphics.map { PictureRegion(graphics: $0, screen: screen) })
    }
}

/// How reports become text: a pure function of the reports so far.
protocol Rendering {
    /// What to write now.
    mutating func text(for report: Report) -> String
    /// What to write when no report follows, so that the next line begins in the first column.
    mutating func end() -> String
}
