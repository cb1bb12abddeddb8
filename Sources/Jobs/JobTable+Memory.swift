internal import Generation
internal import Metrics

// What memory lets be started.
extension JobTable {
    /// Whether a queued job may be started beside those that are. What is alone always may: it has been
    /// seen to fit the budget, and with nothing running the machine's shortage is not ours to wait for.
    ///
    /// Jobs behind one that does not fit wait too, so that it finds room in the end.
    mutating func mayStart(_ job: ScheduledJob, beside started: [ScheduledJob]) -> Bool {
        let needs = (started + [job]).map(\.needs)
        let reason: String? =
            if started.isEmpty {
                nil
            } else if !budget.holds(needs) {
                "\(MemoryBudget.mebibytes(budget.byteCount(of: needs))) MiB would be needed with it, and "
                    + "the budget is \(MemoryBudget.mebibytes(budget.byteMaximum ?? 0)) MiB"
            } else if budget.isTight, let reading = budget.reading {
                "the machine has \(MemoryBudget.mebibytes(reading.availableByteCount)) of "
                    + "\(MemoryBudget.mebibytes(reading.limitByteCount)) MiB left and waits for memory "
                    + "\(Int(reading.stalledShare * 100)) % of the time"
            } else {
                nil
            }
        if let reason, !memory.isHoldingBack {
            memory.holdCount += 1
            notices.append(
                "jobs are held back for memory: \(job.id.debugDescription) waits, as \(reason)")
        } else if reason == nil, memory.isHoldingBack {
            notices.append("jobs are no longer held back for memory")
        }
        memory.isHoldingBack = reason != nil
        return reason == nil
    }

    /// Whether it is worth looking how much memory the machine has: jobs wait, and some run.
    var wantsReading: Bool { !queue.isEmpty && !running.isEmpty }

    /// Jobs wait for memory that the machine does not have: it is no time for what can be done without.
    var isShortOfMemory: Bool { memory.isHoldingBack && !queue.isEmpty && budget.isTight }

    /// - Parameter tenant: whose jobs alone are meant; nil for all.
    func memoryStatistics(of tenant: String?) -> MemoryStatistics {
        func isMeant(_ job: ScheduledJob) -> Bool { tenant.map { $0 == job.id.tenant } ?? true }
        var statistics = MemoryStatistics()
        statistics.budgetByteCount = budget.byteMaximum
        statistics.reservedByteCount = budget.byteCount(of: started.filter(isMeant).map(\.needs))
        statistics.isHoldingBack = memory.isHoldingBack && queue.contains(where: isMeant)
        guard tenant == nil else { return statistics }
        statistics.availableByteCount = budget.reading?.availableByteCount
        statistics.holdCount = memory.holdCount
        return statistics
    }

    mutating func takeNotices() -> [String] {
        defer { notices = [] }
        return notices
    }
}
