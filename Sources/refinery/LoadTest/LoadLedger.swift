import Wire

/// The run's sums, held against the server's own.
///
/// A job whose connection was cut ends on the server as cancelled, or as finished when the cut came too late;
/// so of these two only the sum is known, and that neither is less than what its callers saw.
struct LoadLedger: Equatable, Sendable {
    struct Check: Equatable, Sendable {
        /// What is said of the numbers, such as `accepted`.
        var name: String
        var ours: Int
        var servers: Int
        var relation = Relation.same

        var holds: Bool {
            switch relation {
            case .same: servers == ours
            case .atLeast: servers >= ours
            case .atMost: servers <= ours
            }
        }
    }

    /// Of the server's count to ours.
    enum Relation: String, Sendable {
        case same = "="
        case atLeast = ">="
        case atMost = "<="
    }

    var checks: [Check]

    /// - Parameters:
    ///   - before: of the server, before the first request.
    ///   - after: when no job of the run is under way any more.
    init(_ record: LoadRecord, before: ServerStats, after: ServerStats) {
        func grown(_ count: KeyPath<ServerStats, UInt64>) -> Int {
            Int(clamping: Int64(bitPattern: after[keyPath: count] &- before[keyPath: count]))
        }
        let (finished, cancelled) = (grown(\.finished), grown(\.cancelled))
        checks = [
            Check(name: "accepted", ours: record.jobs, servers: grown(\.accepted)),
            Check(
                name: "finished or cancelled",
                ours: record.finished + record.cancelled + record.cut,
                servers: finished + cancelled),
            Check(
                name: "finished", ours: record.finished, servers: finished, relation: .atLeast),
            Check(
                name: "cancelled", ours: record.cancelled, servers: cancelled, relation: .atLeast),
            Check(name: "failed", ours: record.failedAfterAcceptance, servers: grown(\.failed)),
            // A call may be refused before it is a job's.
            Check(
                name: "refused", ours: record.refused, servers: grown(\.refused),
                relation: .atMost),
            Check(
                name: "queued or running", ours: before.queued + before.running,
                servers: after.queued + after.running),
        ]
    }

    var holds: Bool { checks.allSatisfy(\.holds) }
}
