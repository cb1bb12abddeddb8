import Generation
import Metrics

@testable import Jobs

/// The store as its protocol says it, in plain Swift: what the simulation runs on, with faults at will. What
/// it has applied outlives any "process".
final class ModelStore: JobStore {
    private struct Job {
        var stored: StoredJob
        var images: [StoredImage] = []
        var ending: StoredEnding?
        var order: Int
    }

    private struct State {
        var jobs: [JobID: Job] = [:]
        var count = 0
        var fault: JobStoreError?
    }

    let isDurable = true
    private let state = Protected(State())

    /// The next writes fail so; nil ends that.
    func fail(with error: JobStoreError?) { state.withLock { $0.fault = error } }

    func contents() throws(JobStoreError) -> StoreContents {
        let jobs = state.withLock { $0.jobs.values.sorted { $0.order < $1.order } }
        var contents = StoreContents()
        contents.unfinished = jobs.filter { $0.ending == nil }.map(\.stored)
        contents.ended = jobs.compactMap { job in
            job.ending.map { Self.ended(job.stored, $0) }
        }
        return contents
    }

    private static func ended(_ stored: StoredJob, _ ending: StoredEnding) -> EndedJob {
        var description = JobDescription(
            id: stored.id.name, state: ending.state, plan: stored.plan,
            createdMilliseconds: stored.createdMilliseconds, sequence: stored.acceptedSequence)
        description.error = ending.error
        description.endedMilliseconds = ending.milliseconds
        return EndedJob(
            id: stored.id, description: description, digest: stored.digest, attempt: stored.attempt,
            byteCount: stored.images.reduce(0) { $0 + $1.byteCount })
    }

    func history(of id: JobID) throws(JobStoreError) -> StoredHistory? {
        state.withLock { state in
            guard let job = state.jobs[id], let ending = job.ending else { return nil }
            return StoredHistory(job: job.stored, ending: ending)
        }
    }

    func pictures(of id: JobID) -> [StoredPicture] { [] }

    func image(_ index: Int, of id: JobID) throws(JobStoreError) -> StoredImage? {
        state.withLock { state in
            let images = state.jobs[id]?.images ?? []
            return images.indices.contains(index) ? images[index] : nil
        }
    }

    func apply(_ changes: [JobChange]) throws(JobStoreError) {
        let fault = state.withLock { state -> JobStoreError? in
            if let fault = state.fault { return fault }
            for change in changes {
                if case .image(let id, let image, _, _, _) = change,
                    state.jobs[id]?.images.count != image.facts.index
                {
                    return JobStoreError(.failed, "an image is missing")
                }
            }
            for change in changes { Self.apply(change, to: &state) }
            return nil
        }
        if let fault { throw fault }
    }

    private static func apply(_ change: JobChange, to state: inout State) {
        if case .accepted(let job, _) = change {
            state.count += 1
            state.jobs[job.id] = Job(stored: job, order: state.count)
        }
        if case .removed(let id) = change { state.jobs[id] = nil }
        guard var job = state.jobs[change.id] else { return }
        switch change {
        case .accepted, .removed: break
        case .started: job.stored.isRunning = true
        case .checkpoint(_, let checkpoint):
            job.stored.checkpoint = checkpoint
            job.stored.summary = checkpoint.summary
            job.stored.remaining = checkpoint.remaining
            job.stored.crashes = 0
        case .handedOff(_, let handoff):
            job.stored.handoffs.removeAll { $0.imageIndex == handoff.imageIndex }
            job.stored.handoffs.append(handoff)
        case .image(_, let image, let summary, let next, let ending):
            job.images.append(image)
            job.stored.images.append(image.facts)
            job.stored.summary = summary
            job.stored.checkpoint = next
            job.stored.crashes = 0
            job.ending = ending
        case .ended(_, let ending): job.ending = ending
        case .cancelRequested(_, let outcome): job.stored.cancelOutcome = outcome
        case .suspended(_, let remaining):
            job.stored.isRunning = false
            job.stored.remaining = remaining
        case .restarted(_, let attempt, let crashes, let plan):
            job.stored.attempt = attempt
            job.stored.crashes = crashes
            job.stored.isRunning = false
            if let plan { job.stored.plan = plan }
        }
        state.jobs[change.id] = job
    }
}
