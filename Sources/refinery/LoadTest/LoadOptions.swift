import ArgumentParser
import Generation
import SDXL

/// What is asked for, how often, and by whom.
struct LoadOptions: ParsableArguments {
    @Option(help: "Seconds in which requests begin; those under way at the end are waited for.")
    var duration = 30.0

    @Option(
        help: ArgumentHelp(
            "Open loop: so many requests a second on the average, at random moments, answered or not.",
            valueName: "per second"))
    var rate: Double?

    @Option(
        help: "Closed loop: so many callers who ask again once they are answered; 4 unless given.")
    var clients: Int?

    @Option(help: "What the pictures show.")
    var prompt = LoadMix().prompt

    @Option(help: "The base model; see 'refinery models'.")
    var model: String?

    @Option(help: "The refiner; the built-in one where the built-in base is used.")
    var refiner: String?

    @Option(
        help: ArgumentHelp(
            "Pixels; may be given again, like --steps and --handoff: each request draws one of each list. The "
                + "model's own unless given, or 64x64 and 128x128 of the built-in one.",
            valueName: "WxH"))
    var size: [BenchOptions.PixelSize] = []

    @Option(help: "Steps; 20 unless given, or 4 and 8 of the built-in model.")
    var steps: [Int] = []

    @Option(
        help: ArgumentHelp(
            "The base's share of the steps, 1 to 99, or none for the base alone; with a refiner none and 75 "
                + "unless given.", valueName: "percent"))
    var handoff: [LoadHandoff] = []

    @Option(
        help: "Different seeds of the pictures: few, so that pictures repeat and can be compared.")
    var seeds = 4

    @Option(help: "Of a hundred requests, so many are cancelled by CancelJob.")
    var cancels = 5.0

    @Option(help: "Of a hundred, so many lose their connection in mid-stream.")
    var cuts = 5.0

    @Option(help: "Of a hundred, so many read slowly.")
    var slow = 5.0

    @Option(help: "Decides all that is drawn: arrivals and requests.")
    var seed: UInt64 = 1

    @Option(help: "Seconds after which the server is to end a job.")
    var timeout = 60.0

    func validate() throws {
        if rate != nil, clients != nil {
            throw ValidationError(
                "--rate is an open loop and --clients a closed one: give one of them.")
        }
        for (name, value, range) in [
            ("--duration", duration, 0.1...86_400), ("--rate", rate ?? 1, 0.001...10_000),
            ("--timeout", timeout, 0.001...86_400), ("--cancels", cancels, 0...100),
            ("--cuts", cuts, 0...100), ("--slow", slow, 0...100),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) is \(value): give \(range.lowerBound) to \(range.upperBound).")
        }
        guard cancels + cuts + slow <= 100 else {
            throw ValidationError("--cancels, --cuts and --slow are more than 100 together.")
        }
        for (name, value, range) in [
            ("--clients", clients ?? 1, 1...1000), ("--seeds", seeds, 1...1_000_000),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) is \(value): give \(range.lowerBound) to \(range.upperBound).")
        }
        for steps in steps where !(1...1000).contains(steps) {
            throw ValidationError("--steps is \(steps): give 1 to 1000.")
        }
    }
}

extension LoadOptions {
    /// - Parameter isBuiltIn: the built-in models serve.
    /// - Throws: ``UsageError`` for a handoff without a refiner.
    func plan(isBuiltIn: Bool) throws -> LoadPlan {
        var mix = LoadMix(prompt: prompt, model: model)
        mix.refiner = refiner ?? (isBuiltIn ? ModelCatalog.builtInRefinerID : nil)
        mix.sizes =
            !size.isEmpty || !isBuiltIn
            ? size.map(\.size) : [64, 128].map { ImageSize(height: $0, width: $0) }
        mix.steps = !steps.isEmpty ? steps : isBuiltIn ? [4, 8] : [20]
        mix.handoffs =
            !handoff.isEmpty ? handoff.map(\.percentage) : mix.refiner == nil ? [nil] : [nil, 75]
        guard mix.refiner != nil || mix.handoffs.allSatisfy({ $0 == nil }) else {
            throw UsageError("--handoff needs a --refiner to hand over to.")
        }
        mix.seedCount = seeds
        (mix.cancelShare, mix.cutShare, mix.slowShare) = (cancels / 100, cuts / 100, slow / 100)
        return LoadPlan(
            mix: mix,
            arrivals: rate.map { .open(rate: $0) } ?? .closed(clients: clients ?? 4),
            duration: .seconds(duration), seed: seed)
    }
}

/// Where the refiner takes over, if at all.
struct LoadHandoff: ExpressibleByArgument, Equatable {
    /// The base's share; nil leaves all steps to the base.
    var percentage: Int?

    init?(argument: String) {
        if argument == "none" { return }
        guard let number = Int(argument), (1...99).contains(number) else { return nil }
        percentage = number
    }
}
