import Generation

/// Reports of one small job: 4 steps, the refiner does the last.
enum Sample {
    static let handoff = GenerationPlan.Handoff(step: 4, percentage: 75, timestep: 1, sigma: 0.0292)

    static let plan = GenerationPlan(
        model: "base", refinerModel: "refiner", size: ImageSize(height: 64, width: 128), seeds: [7],
        scheduler: "Euler", spacing: "leading", timesteps: [751, 501, 251, 1],
        sigmas: [4.0817, 1.6129, 0.6932, 0.0292, 0], baseSteps: 3, refinerSteps: 1,
        handoff: handoff, advice: ["Take 30 steps or more."])

    static let image = Event.Image(
        png: [1, 2, 3], size: plan.size, seed: 7, sha256: [0xAB, 0x01], imageIndex: 0,
        imageCount: 1,
        summary: Event.Summary(
            baseSteps: 3, refinerSteps: 1, textEncodingSeconds: 0.5, baseSeconds: 12.34,
            refinerSeconds: 4, decodingSeconds: 1, totalSeconds: 17.84))

    static func event(_ content: Event.Content) -> Event {
        Event(jobID: "j1", sequence: 5, timeMilliseconds: 1000, content: content)
    }

    static func progress(
        _ phase: Phase, step: Int, steps: Int = 4, eta: Double? = 12, imageIndex: Int = 0,
        imageCount: Int = 1
    ) -> Event.Progress {
        Event.Progress(
            phase: phase, step: step, steps: steps, phaseStep: step, phaseSteps: 3, timestep: 501,
            sigma: 1.6129, stepSeconds: 4.125, elapsedSeconds: 9, etaSeconds: eta,
            imageIndex: imageIndex, imageCount: imageCount)
    }
}
