/// What a run's requests became, added up.
struct LoadRecord: Equatable, Sendable {
    // MARK: Sums

    /// Counted when it begins; the others at the end.
    var started = 0
    private(set) var finished = 0
    private(set) var refused = 0
    private(set) var failed = 0
    private(set) var cancelled = 0
    private(set) var cut = 0
    /// Of the failed: those of which a job had come.
    private(set) var failedAfterAcceptance = 0
    /// By code: the first, since messages of one code may differ in their numbers, and how often.
    private(set) var failures: [String: Failures] = [:]

    // MARK: Times

    /// Of requests whose caller waits for the picture, since they were meant to begin.
    private(set) var accepted = LatencyHistogram()
    private(set) var firstProgress = LatencyHistogram()
    private(set) var image = LatencyHistogram()
    /// Of slow readers likewise: theirs is their own doing.
    private(set) var slowImage = LatencyHistogram()
    /// How much later than intended requests were begun: this tool's own delay.
    private(set) var lateness = LatencyHistogram()
    private(set) var baseStep = LatencyHistogram()
    private(set) var refinerStep = LatencyHistogram()
    private(set) var estimates = EstimateErrors()
    /// From the run's begin to the last answer, in seconds.
    private(set) var seconds = 0.0
    /// By the second of the run.
    private(set) var timeline: [Second] = []

    struct Failures: Equatable, Sendable {
        var first: LoadSample.Failure
        var count = 0
    }

    struct Second: Equatable, Sendable {
        var started = 0
        /// In a picture.
        var finished = 0
        /// In any other way.
        var ended = 0
    }

    // MARK: Pictures

    private(set) var digests: [LoadRequest.Kind: [[UInt8]: Int]] = [:]

    mutating func add(_ sample: LoadSample) {
        let end = sample.start + sample.endTime
        seconds = max(seconds, end)
        lateness.record(seconds: sample.lateness)
        for step in sample.baseSteps { baseStep.record(seconds: step) }
        for step in sample.refinerSteps { refinerStep.record(seconds: step) }
        note(sample.start) { $0.started += 1 }

        if sample.request.behaviour == .waits {
            if let time = sample.acceptedTime { accepted.record(seconds: time) }
            if let time = sample.firstProgressTime { firstProgress.record(seconds: time) }
        }
        switch sample.end {
        case .finished(let sha256):
            finished += 1
            note(end) { $0.finished += 1 }
            digests[sample.request.kind, default: [:]][sha256, default: 0] += 1
            switch sample.request.behaviour {
            case .waits:
                image.record(seconds: sample.endTime)
                estimates.add(sample.estimates, endTime: sample.endTime)
            case .readsSlowly: slowImage.record(seconds: sample.endTime)
            // Those were too late for what they meant to do, and tell of quick jobs alone.
            case .cancels, .isCut: break
            }
            return
        case .refused(let failure):
            refused += 1
            failures[failure.code, default: Failures(first: failure)].count += 1
        case .failed(let failure):
            failed += 1
            if sample.acceptedTime != nil { failedAfterAcceptance += 1 }
            failures[failure.code, default: Failures(first: failure)].count += 1
        case .cancelled: cancelled += 1
        case .cut: cut += 1
        }
        note(end) { $0.ended += 1 }
    }

    private mutating func note(_ time: Double, _ change: (inout Second) -> Void) {
        let second = Int(max(0, time))
        if second >= timeline.count {
            timeline += Array(repeating: Second(), count: second + 1 - timeline.count)
        }
        change(&timeline[second])
    }
}

extension LoadRecord {
    /// Jobs that the server must know of.
    var jobs: Int { finished + failedAfterAcceptance + cancelled + cut }

    /// Whether every request that began has one end.
    var sumsClose: Bool { started == finished + refused + failed + cancelled + cut }

    /// Pictures a second.
    var rate: Double { seconds > 0 ? Double(finished) / seconds : 0 }

    /// Pictures that were made at least twice.
    var repeatedKindCount: Int { digests.values.count { $0.values.reduce(0, +) > 1 } }

    /// Requests of one kind that gave more than one picture.
    var unlikeKinds: [LoadRequest.Kind] {
        digests.filter { $0.value.count > 1 }.map(\.key).sorted { "\($0)" < "\($1)" }
    }
}
