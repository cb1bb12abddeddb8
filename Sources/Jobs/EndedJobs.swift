internal import Generation

/// How long ended jobs and their pictures are kept, paused ones and where they stand too; the oldest go
/// first.
public struct Retention: Equatable, Sendable {
    public var age: Duration
    /// Of the pictures' files together.
    public var byteMaximum: Int
    public var countMaximum: Int

    public init(
        age: Duration = .seconds(7 * 24 * 3600), byteMaximum: Int = 4 << 30,
        countMaximum: Int = 10_000
    ) {
        self.age = age
        self.byteMaximum = byteMaximum
        self.countMaximum = countMaximum
    }
}

/// The ended jobs that are still known, in the order in which they ended.
struct EndedJobs {
    private var jobs: [JobID: EndedJob] = [:]
    /// Also of jobs that are gone by now; their places are skipped.
    private var order: [(id: JobID, endedMilliseconds: Int64)] = []
    private var byteCount = 0

    subscript(id: JobID) -> EndedJob? { jobs[id] }

    var count: Int { jobs.count }
    var all: some Sequence<EndedJob> { jobs.values }

    mutating func add(_ job: EndedJob) {
        let id = job.id
        remove(id)
        jobs[id] = job
        byteCount += job.byteCount
        order.append((id, job.description.endedMilliseconds ?? 0))
    }

    mutating func remove(_ id: JobID) {
        guard let job = jobs.removeValue(forKey: id) else { return }
        byteCount -= job.byteCount
    }

    /// Removes what is beyond the limits.
    /// - Returns: what is gone.
    mutating func prune(_ retention: Retention, now: Int64) -> [EndedJob] {
        let eldest = now - retention.age.wholeMilliseconds
        var gone: [EndedJob] = []
        var passed = 0
        for (id, time) in order {
            let isOver =
                byteCount > retention.byteMaximum || jobs.count > retention.countMaximum
                || time < eldest
            guard isOver else { break }
            passed += 1
            guard let job = jobs[id], job.description.endedMilliseconds == time else { continue }
            remove(id)
            gone.append(job)
        }
        order.removeFirst(passed)
        return gone
    }
}
