internal import Generation

/// Which jobs are worked on beside one another.
///
/// A step of a large model at a real size fills all threads by itself: two at once take as long as one after
/// the other, and each picture comes later. Small steps do not: threads wait for each other at the end of each
/// of their layers, and two jobs with half the threads each get more done. So what is large has the lanes to itself,
/// and what is small shares them; measured in Benchmarks/README.md.
struct LaneRule {
    let count: Int
    /// Steps of more operations are large; nil where none is.
    let smallStepOperations: Double?

    /// Whether jobs like it are worked on alone.
    func isAlone(_ needs: JobNeeds) -> Bool {
        guard let smallStepOperations else { return false }
        let operations = needs.operations
        return max(operations.baseStep, operations.refinerStep) > smallStepOperations
    }

    /// As many jobs like it are worked on at once at most.
    func width(_ needs: JobNeeds) -> Int { isAlone(needs) ? 1 : count }

    /// What the work on some of the jobs takes at most at any time.
    func workByteCount(of jobs: [JobNeeds]) -> Int {
        let alone = jobs.filter(isAlone).map(\.workByteCount).max() ?? 0
        let together = jobs.filter { !isAlone($0) }.map(\.workByteCount).sorted(by: >)
        return max(alone, together.prefix(count).reduce(0, +))
    }
}
