public import Tensors

/// What running one part a few times took.
public struct WorkbenchMeasurement: Sendable {
    /// Of the first run, which also takes its memory and reads weights that are not cached.
    public var first: Duration
    /// Of those after it.
    public var later: [Duration]
    /// Anonymous memory of the process after the last run, in bytes: what is taken beyond mapped files.
    /// The arena gives no page back while its part lives, so this is also the most there was, but for
    /// what the heap took and gave back within a run.
    public var anonymousByteCount: Int
    /// By how much the later runs raised it.
    public var growthByteCount: Int
    /// The most of the arena that was in use at once, in bytes.
    public var arenaByteCount: Int
    /// What other processes took of all processors during the later runs, 0...1.
    public var othersShare: Double

    public init(
        first: Duration, later: [Duration], anonymousByteCount: Int, growthByteCount: Int,
        arenaByteCount: Int, othersShare: Double
    ) {
        self.first = first
        self.later = later
        self.anonymousByteCount = anonymousByteCount
        self.growthByteCount = growthByteCount
        self.arenaByteCount = arenaByteCount
        self.othersShare = othersShare
    }
}

extension WorkbenchRun {
    /// - Parameters:
    ///   - later: how many runs after the first.
    ///   - pause: called before each run.
    public func measure(
        later: Int, pause: () throws -> Void = {}
    ) rethrows -> WorkbenchMeasurement {
        let clock = ContinuousClock()
        try pause()
        let first = clock.measure { run() }
        let before = ProcessMemory.anonymousByteCount
        let others = OthersLoad()
        var times: [Duration] = []
        for _ in 0..<later {
            try pause()
            times.append(clock.measure { run() })
        }
        let othersShare = others.share
        let after = ProcessMemory.anonymousByteCount
        return WorkbenchMeasurement(
            first: first, later: times, anonymousByteCount: after,
            growthByteCount: max(0, after - before), arenaByteCount: compute.arena.highWater,
            othersShare: othersShare)
    }
}

extension WorkbenchRun {
    /// Where the time of one run goes. What lies between the layers is ``Profile/Kind/rest``.
    public func profile() -> Profile {
        let profile = Profile()
        compute.profile = profile
        defer { compute.profile = nil }
        profile.begin(Profile.Work(.rest, "between the layers"))
        run()
        profile.end()
        return profile
    }
}
