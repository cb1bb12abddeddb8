import ArgumentParser
import Generation

/// Whether a terminal shows pictures, and how.
struct PreviewOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Show the picture as it forms: auto, off, or as kitty, iterm or sixel pictures. auto does where "
                + "the terminal is known to; nothing of it goes to a pipe or with --json.",
            valueName: "how"))
    var preview = PreviewName.auto

    /// How the terminal at standard output is to be given pictures; nil for not at all.
    func graphics(json: Bool) -> TerminalGraphics? {
        guard !json, Terminal.width(of: .output) != nil else { return nil }
        return switch preview {
        case .off: nil
        case .auto: TerminalGraphics.detected()
        case .kitty: .kitty
        case .iterm: .iterm
        case .sixel: .sixel
        }
    }
}

enum PreviewName: String, ExpressibleByArgument, CaseIterable {
    case auto, off, kitty, iterm, sixel
}

extension GenerationRequest {
    /// With previews after every step, unless it says something of them.
    func previewed() -> GenerationRequest {
        guard previewEvery == nil else { return self }
        var request = self
        request.previewEvery = 1
        return request
    }
}
