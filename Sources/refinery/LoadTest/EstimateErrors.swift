import Generation

/// How far the server's estimates of the time left were off, by what the job did then, and whether the end
/// that it foresaw stayed where it was.
struct EstimateErrors: Equatable, Sendable {
    struct Bin: Equatable, Sendable {
        /// |estimate - real|, in seconds.
        var errors = LatencyHistogram()
        /// The same in parts of what was really left; not of a job of which the server said that nothing was.
        var relative = LatencyHistogram()
        /// The sum of estimate - real.
        fileprivate var signedSum = 0.0

        /// In seconds, above 0 where the server foresees more than it takes; nil without estimates.
        var bias: Double? { errors.count == 0 ? nil : signedSum / Double(errors.count) }
    }

    /// While the job waits in the queue.
    private(set) var queued = Bin()
    private(set) var phases: [Phase: Bin] = [:]
    /// While it runs: of equal shares of its steps, the last includes the decoding.
    private(set) var tenths = Array(repeating: Bin(), count: 10)
    /// How far the end that was foreseen moved from the last base step to the refiner's first, in seconds.
    private(set) var movedAtHandoff = LatencyHistogram()
    /// The same from any step to the next of the same expert.
    private(set) var movedAtStep = LatencyHistogram()

    /// - Parameter endTime: when the picture was there, on the clock of the estimates.
    mutating func add(_ estimates: [LoadSample.Estimate], endTime: Double) {
        for estimate in estimates {
            guard let place = estimate.place else {
                queued.add(estimate, endTime)
                continue
            }
            phases[place.phase, default: Bin()].add(estimate, endTime)
            let index = Int(place.progress * Double(tenths.count))
            tenths[min(max(index, 0), tenths.count - 1)].add(estimate, endTime)
        }
        for (before, after) in zip(estimates, estimates.dropFirst()) {
            let moved = abs(after.end - before.end)
            switch (before.place?.phase, after.place?.phase) {
            case (.base, .refiner): movedAtHandoff.record(seconds: moved)
            case (.base, .base), (.refiner, .refiner): movedAtStep.record(seconds: moved)
            default: break
            }
        }
    }
}

extension EstimateErrors.Bin {
    fileprivate mutating func add(_ estimate: LoadSample.Estimate, _ endTime: Double) {
        let left = endTime - estimate.time
        let error = estimate.eta - left
        guard error.isFinite else { return }
        errors.record(seconds: abs(error))
        signedSum += error
        if estimate.eta > 0, left > 0 { relative.record(seconds: abs(error) / left) }
    }
}

extension EstimateErrors {
    /// All bins that have estimates, with what the job did.
    var named: [(name: String, bin: Bin)] {
        let phases = Phase.allCases.map {
            (name: Wording.name(of: $0), bin: self.phases[$0] ?? Bin())
        }
        return ([(name: "queued", bin: queued)] + phases).filter { $0.bin.errors.count > 0 }
    }

    /// How far the end that was foreseen moved, by where.
    var moves: [(name: String, distances: LatencyHistogram)] {
        [(name: "handoff", distances: movedAtHandoff), (name: "step", distances: movedAtStep)]
            .filter { $0.distances.count > 0 }
    }
}
