internal import Generation
internal import Metrics

// Jobs as they are listed.
extension JobTable {
    func describe(_ job: ScheduledJob) -> JobDescription {
        var description = JobDescription(
            id: job.id, state: job.countsAs == .queued ? .queued : .running, plan: job.plan,
            createdMilliseconds: job.createdMilliseconds, sequence: job.feed.sequence)
        description.place = job.state == .queued ? job.place : nil
        description.etaSeconds = job.remainingSeconds
        if let progress = job.feed.progress {
            description.phase = progress.phase
            description.imageIndex = progress.imageIndex
            description.step = progress.step
        }
        return description
    }

    func description(of id: String) -> JobDescription? {
        live[id].map(describe) ?? ended[id]?.description
    }
}
