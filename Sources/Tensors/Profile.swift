/// Where time goes: how long each layer took, without what it had others do. For a lane's one caller;
/// ``Compute`` fills the profile that it is given, and without one pays a comparison for each layer.
///
/// Layers bracket their work with ``begin(_:)`` and ``end()``. Such pairs nest: the time between an
/// inner pair is the inner work's alone, so all seconds together are those that passed.
public final class Profile {
    /// What was spent on one kind and shape of work.
    public struct Entry: Sendable {
        public let work: Work
        public fileprivate(set) var calls = 0
        /// Without work begun and ended inside.
        public fileprivate(set) var time = Duration.zero
        /// With it.
        public fileprivate(set) var wholeTime = Duration.zero
    }

    private struct Open {
        let work: Work
        let start: ContinuousClock.Instant
        /// Spent inside it on other work.
        var nested = Duration.zero
    }

    private var entriesByWork: [Work: Entry] = [:]
    private var open: [Open] = []

    public init() {}

    /// One for each kind and shape of work, in no order.
    public var entries: [Entry] { Array(entriesByWork.values) }

    /// All that was spent between outermost pairs.
    public var time: Duration { entries.reduce(.zero) { $0 + $1.time } }

    public func begin(_ work: Work) {
        open.append(Open(work: work, start: .now))
    }

    /// Ends what was begun last.
    public func end() {
        let now = ContinuousClock.now
        guard let ended = open.popLast() else {
            preconditionFailure("work ends that was not begun")
        }
        let time = ended.start.duration(to: now)
        if !open.isEmpty {
            open[open.count - 1].nested += time
        }
        var entry = entriesByWork[ended.work] ?? Entry(work: ended.work)
        entry.calls += 1
        entry.time += time - ended.nested
        entry.wholeTime += time
        entriesByWork[ended.work] = entry
    }
}
