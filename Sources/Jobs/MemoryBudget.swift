internal import Generation

/// How much memory the jobs may take together, beyond mapped files, and what holds new ones back.
struct MemoryBudget {
    /// Nil: there is none.
    let byteMaximum: Int?
    let lanes: LaneRule
    /// As last read.
    var reading: MemoryReading?

    /// What jobs that are started take at most: each what it keeps, and those that lanes may be at work on
    /// at once what their work needs.
    func byteCount(of jobs: [JobNeeds]) -> Int {
        jobs.reduce(0) { $0 + $1.keptByteCount } + lanes.workByteCount(of: jobs)
    }

    /// Whether the jobs fit together.
    func holds(_ jobs: [JobNeeds]) -> Bool {
        byteMaximum.map { byteCount(of: jobs) <= $0 } ?? true
    }

    /// Whether the machine has too little left to begin more beside what runs.
    var isTight: Bool { reading?.isTight ?? false }

    /// - Throws: RESOURCE_EXHAUSTED for a job that does not fit even by itself.
    func check(_ needs: JobNeeds, _ plan: GenerationPlan) throws(GenerationError) {
        guard let byteMaximum, needs.byteCount > byteMaximum else { return }
        throw GenerationError(
            .resourceExhausted, code: "memoryExceeded",
            "A picture of \(plan.size.width) x \(plan.size.height) by \"\(plan.model)\" needs about "
                + "\(Self.mebibytes(needs.byteCount)) MiB of memory, and this server's budget is "
                + "\(Self.mebibytes(byteMaximum)) MiB. Ask for fewer pixels, or start the server with "
                + "more --memory.", fields: ["width", "height"])
    }

    static func mebibytes(_ byteCount: Int) -> Int { (byteCount + 1 << 20 - 1) >> 20 }
}

/// How the scheduler stands for memory.
public struct MemoryStatistics: Equatable, Sendable {
    /// Of the jobs together; nil without one.
    public var budgetByteCount: Int?
    /// What the started jobs take at most, as estimated.
    public var reservedByteCount = 0
    /// Of the machine, as last read while jobs waited.
    public var availableByteCount: Int?
    /// A job waits because it does not fit beside those that are started, or because the machine is short
    /// of memory.
    public var isHoldingBack = false
    /// How often that has begun.
    public var holdCount: UInt64 = 0
}
