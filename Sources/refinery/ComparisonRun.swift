import Generation
import PNGEncoding

/// Has all endings of a request made, and gathers them.
struct ComparisonRun {
    let source: any PictureSource
    /// Where progress is shown; nil where nobody looks.
    var rendering: LiveRendering?
    /// Takes what is told meanwhile.
    let write: (String) -> Void

    /// - Parameter request: of one seed, with branches.
    /// - Returns: the comparison, and each ending's own file in the order of the branches.
    /// - Throws: what the request fails with.
    mutating func make(
        _ request: GenerationRequest
    ) async throws -> (comparison: Comparison, files: [[UInt8]]) {
        defer { if let end = rendering?.end() { write(end) } }
        var plan: GenerationPlan?
        var made: [(ending: Comparison.Ending, file: [UInt8])] = []
        var summary: Event.Summary?
        var (elapsed, before) = (0.0, 0.0)
        for try await event in try await source.events(of: request) {
            if let text = rendering?.text(for: .event(event)) { write(text) }
            switch event.content {
            case .accepted(let accepted):
                plan = accepted
                // Among the lines that a terminal shows.
                for sentence in accepted.advice where rendering == nil {
                    write(Wording.advice(sentence) + "\n")
                }
            case .progress(let progress): elapsed = progress.elapsedSeconds
            case .image(let image):
                guard let plan else { break }
                elapsed = image.summary?.totalSeconds ?? elapsed
                let ending = try Self.ending(image, plan, seconds: elapsed - before)
                made.append((ending, image.png))
                before = elapsed
                summary = image.summary
            case .queued, .handedOff, .resumed, .ended: break
            }
        }
        try Task.checkCancellation()
        guard let summary, let plan else {
            throw GenerationError(
                .internal, code: "malformedReply", "The pictures ended without their summary.")
        }
        let ordered = made.sorted { $0.ending.plan.index < $1.ending.plan.index }
        return (
            Comparison(
                endings: ordered.map(\.ending), seed: plan.seeds[0], summary: summary),
            ordered.map(\.file)
        )
    }

    private static func ending(
        _ image: Event.Image, _ plan: GenerationPlan, seconds: Double
    ) throws -> Comparison.Ending {
        let side = PNGEncoder.maximumSide
        return Comparison.Ending(
            plan: plan.ending(ofImage: image.imageIndex),
            picture: try PNGDecoder(sideMaximum: side, pixelMaximum: side * side).decode(image.png),
            sha256: image.sha256, seconds: seconds,
            ownSteps: plan.stepCount - plan.sharedSteps(ofImage: image.imageIndex))
    }
}
