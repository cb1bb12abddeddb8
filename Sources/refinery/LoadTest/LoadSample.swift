import Generation

/// What became of one request. All times are seconds, and begin when the request was meant to.
struct LoadSample: Sendable {
    enum End: Equatable, Sendable {
        /// With the picture's bytes' SHA-256.
        case finished(sha256: [UInt8])
        /// No job came of it.
        case refused(Failure)
        case failed(Failure)
        /// By our CancelJob.
        case cancelled
        /// We have left it.
        case cut
    }

    struct Failure: Hashable, Sendable {
        /// The server's, or what kind of a trouble the client had.
        var code: String
        var message: String
    }

    /// What the server said of the time that was left.
    struct Estimate: Equatable, Sendable {
        /// How far the job was; nil while it waits in the queue.
        var place: Place?
        var time: Double
        var eta: Double

        /// The end, as foreseen.
        var end: Double { time + eta }
    }

    struct Place: Equatable, Sendable {
        var phase: Phase
        /// Of the job's steps, 0...1.
        var progress: Double
    }

    let request: LoadRequest
    /// When it was meant to begin, since the run did.
    let start: Double
    /// How much later it did: this tool's own delay.
    var lateness = 0.0
    /// Once it has been told.
    var jobID: String?
    var acceptedTime: Double?
    var firstProgressTime: Double?
    var endTime = 0.0
    var end = End.cut
    var baseSteps: [Double] = []
    var refinerSteps: [Double] = []
    var estimates: [Estimate] = []
    /// Steps done, as last told.
    private(set) var step = 0

    init(_ request: LoadRequest, start: Double) {
        self.request = request
        self.start = start
    }

    /// Notes when and what an event says.
    mutating func take(_ content: Event.Content, at time: Double) {
        switch content {
        case .accepted: acceptedTime = acceptedTime ?? time
        case .queued(let queued):
            if let eta = queued.etaSeconds {
                estimates.append(Estimate(place: nil, time: time, eta: eta))
            }
        case .progress(let progress):
            firstProgressTime = firstProgressTime ?? time
            step = max(step, progress.step)
            if let eta = progress.etaSeconds {
                let share = Double(progress.step) / Double(max(1, progress.steps))
                let place = Place(phase: progress.phase, progress: min(share, 1))
                estimates.append(Estimate(place: place, time: time, eta: eta))
            }
            guard progress.phaseStep > 0 else { return }
            switch progress.phase {
            case .base: baseSteps.append(progress.stepSeconds)
            case .refiner: refinerSteps.append(progress.stepSeconds)
            case .textEncoding, .imageEncoding, .decoding: break
            }
        case .image, .handedOff, .resumed, .ended: break
        }
    }
}
