internal import Generation
internal import Metrics

// Jobs as they are listed.
extension JobTable {
    func describe(_ job: ScheduledJob) -> JobDescription {
        var description = JobDescription(
            id: job.id.name, state: job.countsAs == .queued ? .queued : .running, plan: job.plan,
            createdMilliseconds: job.createdMilliseconds, sequence: job.feed.sequence)
        description.place = job.state == .queued ? job.place : nil
        description.etaSeconds =
            job.state == .queued
            ? job.doneAt.map { max(($0 - clock.now()).inSeconds, job.remainingSeconds ?? 0) }
            : untilDone(job)
        if let progress = job.feed.progress {
            description.phase = progress.phase
            description.imageIndex = progress.imageIndex
            description.step = progress.step
        }
        return description
    }

    /// Not of one that is still being stored: it may yet be refused.
    func description(of id: JobID) -> JobDescription? {
        if let job = live[id], job.state != .storing { return describe(job) }
        return ended[id]?.description
    }

    /// Of all of a tenant's jobs, in no order.
    func descriptions(of tenant: String) -> [JobDescription] {
        live.values.filter { $0.state != .storing && $0.id.tenant == tenant }.map(describe)
            + ended.all.filter { $0.id.tenant == tenant }.map(\.description)
    }
}

extension JobPage {
    /// The jobs that a filter wants, on the page it wants.
    init(_ jobs: [JobDescription], _ filter: JobFilter) throws(GenerationError) {
        let size = filter.pageSize ?? JobFilter.defaultPageSize
        guard JobFilter.pageSizes.contains(size) else {
            throw .invalid(
                "pageSize", code: "invalidPageSize",
                "pageSize is \(size): it must be from 1 to \(JobFilter.pageSizes.upperBound).")
        }
        let start = try filter.pageToken.map { token throws(GenerationError) in
            try PageToken(token)
        }
        let wanted = jobs.filter { job in
            (filter.states.isEmpty || filter.states.contains(job.state))
                && (filter.model == nil
                    || [job.model, job.refinerModel].contains(filter.model))
                && (start.map { $0 < PageToken(job) } ?? true)
        }
        let page = wanted.sorted { PageToken($0) < PageToken($1) }.prefix(size)
        self.init(
            jobs: Array(page),
            nextToken: page.count < wanted.count ? page.last.map { PageToken($0).text } : nil)
    }
}

/// Where in the list a job stands: it stays there whatever comes and goes.
private struct PageToken: Comparable {
    let createdMilliseconds: Int64
    let id: String

    init(_ job: JobDescription) {
        createdMilliseconds = job.createdMilliseconds
        id = job.id
    }

    init(_ text: String) throws(GenerationError) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Int64(parts[0]) else {
            throw .invalid(
                "pageToken", code: "invalidPageToken",
                "pageToken is none that this server gave: take nextPageToken of the page before.")
        }
        createdMilliseconds = time
        id = String(parts[1])
    }

    var text: String { "\(createdMilliseconds)-\(id)" }

    /// The newest first.
    static func < (first: PageToken, second: PageToken) -> Bool {
        first.createdMilliseconds != second.createdMilliseconds
            ? first.createdMilliseconds > second.createdMilliseconds : first.id < second.id
    }
}
