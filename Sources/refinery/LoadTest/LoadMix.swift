import Generation

/// What is asked for under load. From each list one is drawn for each request, all alike: name one twice to
/// have it twice as often.
struct LoadMix: Sendable {
    var prompt = "a lighthouse at dawn"
    /// Nil for the server's own.
    var model: String?
    var refiner: String?
    /// Empty: the model's own.
    var sizes: [ImageSize] = []
    var steps = [20]
    /// The base's share of the steps in percent; nil leaves all to the base.
    var handoffs: [Int?] = [nil]
    /// So few that the same picture is asked for again and again: its bytes are compared.
    var seedCount = 4
    /// Of the requests, 0...1, each: those that call CancelJob, whose connection is cut, that read slowly.
    var cancelShare = 0.0
    var cutShare = 0.0
    var slowShare = 0.0
}

/// One request of a load.
struct LoadRequest: Equatable, Sendable {
    /// What decides the picture.
    struct Kind: Hashable, Sendable {
        /// Nil: the model's own.
        var size: ImageSize?
        var steps: Int
        var handoff: Int?
        var seed: Int64
    }

    /// What its caller does.
    enum Behaviour: Equatable, Sendable {
        /// Takes all events to the image.
        case waits
        /// Likewise, but leaves them in the kernel for a while.
        case readsSlowly
        /// Calls CancelJob once so many steps are done.
        case cancels(step: Int)
        /// Is gone, without a word, once so many steps are done.
        case isCut(step: Int)
    }

    /// From 0.
    var number: Int
    var kind: Kind
    var behaviour: Behaviour
}

extension LoadMix {
    /// The same for the same number and seed, whatever else was drawn.
    func request(_ number: Int, seed: UInt64) -> LoadRequest {
        var draws = SplitMix64(seed: seed, stream: number)
        let kind = LoadRequest.Kind(
            size: sizes.randomElement(using: &draws),
            steps: steps.randomElement(using: &draws) ?? 1,
            handoff: handoffs.randomElement(using: &draws) ?? nil,
            seed: Int64.random(in: 0..<Int64(max(1, seedCount)), using: &draws))
        let share = Double.random(in: 0..<1, using: &draws)
        let step = Int.random(in: 0..<max(1, kind.steps), using: &draws)
        let behaviour: LoadRequest.Behaviour =
            switch share {
            case ..<cancelShare: .cancels(step: step)
            case ..<(cancelShare + cutShare): .isCut(step: step)
            case ..<(cancelShare + cutShare + slowShare): .readsSlowly
            default: .waits
            }
        return LoadRequest(number: number, kind: kind, behaviour: behaviour)
    }

    /// So that each entry of each list was asked for once.
    var warmUp: [LoadRequest] {
        let count = max(sizes.count, steps.count, handoffs.count)
        return (0..<count).map { number in
            LoadRequest(
                number: number,
                kind: LoadRequest.Kind(
                    size: sizes.isEmpty ? nil : sizes[number % sizes.count],
                    steps: steps[number % steps.count],
                    handoff: handoffs[number % handoffs.count], seed: 0), behaviour: .waits)
        }
    }

    /// As it is sent.
    func generationRequest(_ kind: LoadRequest.Kind) -> GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = prompt
        request.model = model
        (request.width, request.height) = (kind.size?.width, kind.size?.height)
        (request.steps, request.seed) = (kind.steps, kind.seed)
        if let handoff = kind.handoff {
            var refiner = GenerationRequest.Refiner()
            (refiner.model, refiner.startStepPercentage) = (self.refiner, handoff)
            request.refiner = refiner
        }
        return request
    }
}
