internal import Generation

// Each change of a job as statements, within a transaction.
extension SQLiteJobStore {
    func write(_ change: JobChange) throws(JobStoreError) {
        switch change {
        case .accepted(let job, let pictures): try insert(job, pictures)
        case .started(let id):
            try setState(.running, of: id)
        case .checkpoint(let id, let checkpoint): try write(checkpoint, of: id)
        case .handedOff(let id, let handoff):
            try database.run(
                "INSERT OR REPLACE INTO handoffs VALUES (?, ?, ?, ?, ?)", SQLValue(id),
                SQLValue(handoff.imageIndex), SQLValue(handoff.sequence),
                SQLValue(handoff.timeMilliseconds), SQLValue(handoff.latentsSHA256))
        case .image(let id, let image, let summary, let next, let ending):
            try insert(image, of: id)
            try database.run("DELETE FROM checkpoints WHERE job = ?", SQLValue(id))
            if let next { try write(next, of: id) }
            try database.run(
                "UPDATE jobs SET summary = ?, crashes = 0 WHERE id = ?", .text(summary.json.text),
                SQLValue(id))
            if let ending { try end(id, ending) }
        case .ended(let id, let ending): try end(id, ending)
        case .suspended(let id, let remaining):
            try database.run(
                "UPDATE jobs SET state = ?, crashes = 0, remaining_ms = ? WHERE id = ?",
                SQLValue(JobState.queued), SQLValue(milliseconds: remaining), SQLValue(id))
        case .cancelRequested(let id, let outcome):
            try database.run(
                "UPDATE jobs SET cancel = ? WHERE id = ?", SQLValue(Int64(outcome.rawValue)),
                SQLValue(id))
        case .restarted(let id, let attempt, let crashes, let plan):
            try restart(id, attempt: attempt, crashes: crashes, plan)
        case .removed(let id):
            try remove(id)
        }
    }

    private func insert(
        _ job: StoredJob, _ pictures: [StoredPicture]
    ) throws(JobStoreError) {
        try remove(job.id)
        let (request, plan) = (job.request.json.text, job.plan.json.text)
        try database.run(
            """
            INSERT INTO jobs (id, digest, request, plan, sum, created_ms, remaining_ms,
                attempt, accepted_sequence, state, summary)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            SQLValue(job.id), SQLValue(job.digest), .text(request), .text(plan),
            SQLValue(Self.sum(id: job.id, digest: job.digest, request: request, plan: plan)),
            SQLValue(job.createdMilliseconds), SQLValue(milliseconds: job.remaining),
            SQLValue(job.attempt),
            SQLValue(job.acceptedSequence), SQLValue(JobState.queued),
            .text(job.summary.json.text))
        // Of a job that it goes on from.
        if let checkpoint = job.checkpoint { try write(checkpoint, of: job.id) }
        for picture in pictures {
            try database.run(
                "INSERT OR IGNORE INTO pictures VALUES (?, ?)", .text(picture.name),
                SQLValue(picture.file))
            try database.run(
                "INSERT OR IGNORE INTO job_pictures VALUES (?, ?)", SQLValue(job.id),
                .text(picture.name))
        }
    }

    private func write(
        _ checkpoint: StoredCheckpoint, of id: JobID
    ) throws(JobStoreError) {
        let generation = checkpoint.generation
        try database.run(
            "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)", SQLValue(id),
            SQLValue(generation.imageIndex), SQLValue(generation.step),
            SQLValue(Int64(checkpoint.phase.rawValue)), .text(checkpoint.fingerprint),
            SQLValue(generation.state),
            SQLValue(Self.sum(generation, fingerprint: checkpoint.fingerprint)))
        try database.run(
            "UPDATE jobs SET summary = ?, crashes = 0, remaining_ms = ? WHERE id = ?",
            .text(checkpoint.summary.json.text), SQLValue(milliseconds: checkpoint.remaining),
            SQLValue(id))
    }

    private func insert(
        _ image: StoredImage, of id: JobID
    ) throws(JobStoreError) {
        let facts = image.facts
        let earlier = try database.statement(
            "SELECT count(*) FROM images WHERE job = ?", SQLValue(id))
        let count = try earlier.step() ? earlier.integer(0) : 0
        earlier.reset()
        // Or a job could end as finished without one that could not be written.
        guard count == facts.index else {
            throw JobStoreError(.failed, "image \(facts.index + 1) comes after \(count) images")
        }
        try database.run(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", SQLValue(id),
            SQLValue(facts.index), SQLValue(facts.sequence), SQLValue(facts.timeMilliseconds),
            SQLValue(facts.size.width), SQLValue(facts.size.height), SQLValue(facts.seed),
            SQLValue(facts.byteCount), SQLValue(facts.sha256), SQLValue(image.png))
    }

    private func end(_ id: JobID, _ ending: StoredEnding) throws(JobStoreError) {
        try database.run(
            "UPDATE jobs SET state = ?, error = ?, ended_ms = ? WHERE id = ?",
            SQLValue(ending.state), SQLValue(ending.error?.json.text),
            SQLValue(ending.milliseconds), SQLValue(id))
        if ending.isPaused { return }
        try database.run("DELETE FROM checkpoints WHERE job = ?", SQLValue(id))
        try database.run("DELETE FROM job_pictures WHERE job = ?", SQLValue(id))
        try removeUnusedPictures()
    }

    private func restart(
        _ id: JobID, attempt: Int, crashes: Int, _ plan: GenerationPlan?
    ) throws(JobStoreError) {
        try database.run(
            "UPDATE jobs SET state = ?, attempt = ?, crashes = ? WHERE id = ?",
            SQLValue(JobState.queued), SQLValue(attempt), SQLValue(crashes), SQLValue(id))
        guard let plan else { return }
        let statement = try database.statement(
            "SELECT digest, request FROM jobs WHERE id = ?", SQLValue(id))
        defer { statement.reset() }
        guard try statement.step() else { return }
        let sum = Self.sum(
            id: id, digest: statement.bytes(0), request: statement.text(1), plan: plan.json.text)
        try database.run(
            "UPDATE jobs SET plan = ?, sum = ?, accepted_sequence = ? WHERE id = ?",
            .text(plan.json.text), SQLValue(sum), SQLValue(JobFeed.firstSequence(of: attempt)),
            SQLValue(id))
        try database.run("DELETE FROM checkpoints WHERE job = ?", SQLValue(id))
    }

    /// With all that hangs on it, if it is there.
    private func remove(_ id: JobID) throws(JobStoreError) {
        try database.run("DELETE FROM jobs WHERE id = ?", SQLValue(id))
        if database.changeCount > 0 { try removeUnusedPictures() }
    }

    private func removeUnusedPictures() throws(JobStoreError) {
        try database.run(
            "DELETE FROM pictures WHERE name NOT IN (SELECT picture FROM job_pictures)")
    }

    private func setState(_ state: JobState, of id: JobID) throws(JobStoreError) {
        try database.run(
            "UPDATE jobs SET state = ? WHERE id = ?", SQLValue(state), SQLValue(id))
    }

    // MARK: Sums

    static func sum(id: JobID, digest: [UInt8], request: String, plan: String) -> [UInt8] {
        var bytes: [UInt8] = []
        let name = id.tenant.isEmpty ? id.name : id.description
        for part in [Array(name.utf8), digest, Array(request.utf8), Array(plan.utf8)] {
            bytes += SHA256.digest(of: part)
        }
        return SHA256.digest(of: bytes)
    }

    static func sum(_ checkpoint: GenerationCheckpoint, fingerprint: String) -> [UInt8] {
        let text = "\(checkpoint.imageIndex) \(checkpoint.step) \(fingerprint)\n"
        return SHA256.digest(of: Array(text.utf8) + checkpoint.state)
    }
}

extension SQLValue {
    init(_ id: JobID) { self = .text(id.description) }

    init(_ state: JobState) { self.init(Int64(state.rawValue)) }

    init(milliseconds duration: Duration?) {
        self.init(duration.map { Int64(clamping: $0.wholeMilliseconds) })
    }
}

extension Duration {
    /// Rounded down; as many as fit where it is longer than that.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflows else { return seconds < 0 ? .min : .max }
        let (sum, carries) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return carries ? .max : sum
    }
}
