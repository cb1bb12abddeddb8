internal import Generation

// What a store holds, each part held against its sum.
extension SQLiteJobStore {
    public func contents() throws(JobStoreError) -> StoreContents {
        var contents = StoreContents()
        contents.notices = notices
        do throws(JobStoreError) {
            try readEndedJobs { contents.ended.append($0) }
        } catch {
            if error.kind == .memory { throw error }
            contents.notices.append("not all ended jobs can be read: \(error)")
        }
        for id in try Self.texts(Self.listOfUnfinished, in: database).map(JobID.init(text:)) {
            // One that cannot be read shall not take the others with it.
            do throws(JobStoreError) {
                if let job = try job(id) { contents.unfinished.append(job) }
            } catch {
                if error.kind == .memory { throw error }
                contents.damaged.append((id, error.description))
            }
        }
        for name in try Self.texts("SELECT DISTINCT picture FROM job_pictures", in: database) {
            do throws(JobStoreError) {
                if let picture = try picture(name) { contents.pictures.append(picture) }
            } catch {
                if error.kind == .memory { throw error }
            }
        }
        return contents
    }

    public func history(of id: JobID) throws(JobStoreError) -> StoredHistory? {
        let statement = try database.statement(
            "SELECT error, ended_ms, state FROM jobs WHERE id = ? AND ended_ms IS NOT NULL",
            SQLValue(id))
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let ending = StoredEnding(
            error: try Self.errorIfAny(statement, 0).error, milliseconds: statement.integer(1),
            isPaused: statement.integer(2) == Int64(JobState.paused.rawValue))
        return try job(id).map { StoredHistory(job: $0, ending: ending) }
    }

    public func image(_ index: Int, of id: JobID) throws(JobStoreError) -> StoredImage? {
        let statement = try database.statement(
            "SELECT \(Self.factColumns), png FROM images WHERE job = ? AND image = ?", SQLValue(id),
            SQLValue(index))
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let image = StoredImage(facts: Self.facts(statement), png: statement.bytes(8))
        guard SHA256.digest(of: image.png) == image.facts.sha256 else {
            throw JobStoreError(
                .damaged, "image \(index + 1) of job \(id) is not what was written")
        }
        return image
    }

    public func pictures(of id: JobID) throws(JobStoreError) -> [StoredPicture] {
        let statement = try database.statement(
            """
            SELECT name, file FROM pictures JOIN job_pictures ON picture = name WHERE job = ?
            """, SQLValue(id))
        defer { statement.reset() }
        var pictures: [StoredPicture] = []
        while try statement.step() {
            pictures.append(StoredPicture(name: statement.text(0), file: statement.bytes(1)))
        }
        return pictures
    }

    // MARK: Parts

    static let listOfUnfinished =
        "SELECT id FROM jobs WHERE ended_ms IS NULL ORDER BY created_ms, rowid"

    /// The first column of each row.
    static func texts(
        _ sql: String, in database: Database
    ) throws(JobStoreError) -> [String] {
        let statement = try database.statement(sql)
        defer { statement.reset() }
        var texts: [String] = []
        while try statement.step() { texts.append(statement.text(0)) }
        return texts
    }

    private func readEndedJobs(_ visit: (EndedJob) -> Void) throws(JobStoreError) {
        let statement = try database.statement(
            """
            SELECT id, digest, plan, created_ms, accepted_sequence, error, ended_ms, attempt,
                (SELECT coalesce(sum(byte_count), 0) FROM images WHERE job = id),
                (SELECT count(*) FROM images WHERE job = id),
                (SELECT max(sequence) FROM images WHERE job = id), state,
                (SELECT length(state) FROM checkpoints WHERE job = id)
            FROM jobs WHERE ended_ms IS NOT NULL ORDER BY ended_ms, rowid
            """)
        defer { statement.reset() }
        while try statement.step() {
            // A damaged one is told when it is asked for; a list can do without it.
            guard let plan = try? Self.plan(statement.text(2)),
                let error = try? Self.errorIfAny(statement, 5)
            else { continue }
            let id = JobID(text: statement.text(0))
            let isPaused = statement.integer(11) == Int64(JobState.paused.rawValue)
            var description = JobDescription(
                id: id.name, state: isPaused ? .paused : JobState(ending: error.error), plan: plan,
                createdMilliseconds: statement.integer(3),
                sequence: UInt64(clamping: max(statement.integer(4), statement.integer(10))))
            description.error = error.error
            description.endedMilliseconds = statement.integer(6)
            description.imageIndex = max(0, Int(statement.integer(9)) - 1)
            description.step =
                isPaused ? plan.pauseStep ?? 0 : error.error == nil ? plan.stepCount : 0
            visit(
                EndedJob(
                    id: id, description: description, digest: statement.bytes(1),
                    attempt: Int(statement.integer(7)),
                    byteCount: Int(statement.integer(8) + statement.integer(12))))
        }
    }

    private func job(_ id: JobID) throws(JobStoreError) -> StoredJob? {
        let statement = try database.statement(
            """
            SELECT digest, request, plan, sum, created_ms, remaining_ms, attempt, crashes,
                accepted_sequence, state, summary, cancel
            FROM jobs WHERE id = ?
            """, SQLValue(id))
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let (digest, request, plan) = (
            statement.bytes(0), statement.text(1), statement.text(2)
        )
        guard statement.bytes(3) == Self.sum(id: id, digest: digest, request: request, plan: plan)
        else { throw JobStoreError(.damaged, "the record of job \(id) is not what was written") }
        var job = StoredJob(
            id: id, digest: digest, request: try Self.request(request), plan: try Self.plan(plan),
            createdMilliseconds: statement.integer(4),
            remaining: statement.isNull(5) ? nil : .milliseconds(statement.integer(5)),
            attempt: Int(statement.integer(6)),
            acceptedSequence: UInt64(clamping: statement.integer(8)))
        job.crashes = Int(statement.integer(7))
        job.isRunning = statement.integer(9) == Int64(JobState.running.rawValue)
        job.cancelOutcome =
            statement.isNull(11)
            ? nil : CancelOutcome(rawValue: Int32(clamping: statement.integer(11)))
        job.summary = try Self.summary(statement.text(10))
        job.checkpoint = try checkpoint(of: job)
        job.handoffs = try handoffs(of: id)
        job.images = try images(of: id)
        return job
    }

    /// Nil where there is none, or it is damaged: then the image under way is begun anew.
    private func checkpoint(of job: StoredJob) throws(JobStoreError) -> StoredCheckpoint? {
        let statement = try database.statement(
            "SELECT image, step, phase, fingerprint, state, sum FROM checkpoints WHERE job = ?",
            SQLValue(job.id))
        defer { statement.reset() }
        do throws(JobStoreError) {
            guard try statement.step() else { return nil }
        } catch {
            if error.kind == .memory { throw error }
            return nil
        }
        let generation = GenerationCheckpoint(
            imageIndex: Int(statement.integer(0)), step: Int(statement.integer(1)),
            state: statement.bytes(4))
        let fingerprint = statement.text(3)
        guard let phase = Phase(rawValue: Int32(clamping: statement.integer(2))),
            statement.bytes(5) == Self.sum(generation, fingerprint: fingerprint)
        else { return nil }
        return StoredCheckpoint(
            generation: generation, phase: phase, fingerprint: fingerprint, summary: job.summary,
            remaining: job.remaining)
    }

    private func handoffs(of id: JobID) throws(JobStoreError) -> [StoredHandoff] {
        let statement = try database.statement(
            """
            SELECT image, sequence, time_ms, latents_sha256 FROM handoffs WHERE job = ?
            ORDER BY image
            """, SQLValue(id))
        defer { statement.reset() }
        var handoffs: [StoredHandoff] = []
        while try statement.step() {
            handoffs.append(
                StoredHandoff(
                    imageIndex: Int(statement.integer(0)),
                    sequence: UInt64(clamping: statement.integer(1)),
                    timeMilliseconds: statement.integer(2), latentsSHA256: statement.bytes(3)))
        }
        return handoffs
    }

    private static let factColumns =
        "image, sequence, time_ms, width, height, seed, byte_count, sha256"

    private func images(of id: JobID) throws(JobStoreError) -> [StoredImage.Facts] {
        let statement = try database.statement(
            "SELECT \(Self.factColumns) FROM images WHERE job = ? ORDER BY image", SQLValue(id))
        defer { statement.reset() }
        var images: [StoredImage.Facts] = []
        while try statement.step() { images.append(Self.facts(statement)) }
        return images
    }

    private static func facts(_ row: Statement) -> StoredImage.Facts {
        StoredImage.Facts(
            index: Int(row.integer(0)), sequence: UInt64(clamping: row.integer(1)),
            timeMilliseconds: row.integer(2),
            size: ImageSize(height: Int(row.integer(4)), width: Int(row.integer(3))),
            seed: row.integer(5), byteCount: Int(row.integer(6)), sha256: row.bytes(7))
    }

    private func picture(_ name: String) throws(JobStoreError) -> StoredPicture? {
        let statement = try database.statement(
            "SELECT file FROM pictures WHERE name = ?", .text(name))
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return StoredPicture(name: name, file: statement.bytes(0))
    }

    // MARK: JSON

    private static func request(_ text: String) throws(JobStoreError) -> GenerationRequest {
        let reading = try read { () throws(GenerationError) in
            try RequestReader.read(Array(text.utf8))
        }
        return reading.requests[0]
    }

    private static func plan(_ text: String) throws(JobStoreError) -> GenerationPlan {
        try read { () throws(GenerationError) in try GenerationPlan(json: Array(text.utf8)) }
    }

    private static func summary(_ text: String) throws(JobStoreError) -> Event.Summary {
        try read { () throws(GenerationError) in try Event.Summary(json: Array(text.utf8)) }
    }

    /// In a tuple, so that one that is absent and one that cannot be read stay apart.
    private static func errorIfAny(
        _ row: Statement, _ column: Int32
    ) throws(JobStoreError) -> (error: GenerationError?, ()) {
        guard !row.isNull(column) else { return (nil, ()) }
        let text = row.bytes(column)
        return (try read { () throws(GenerationError) in try GenerationError(json: text) }, ())
    }

    private static func read<Value>(
        _ body: () throws(GenerationError) -> Value
    ) throws(JobStoreError) -> Value {
        do throws(GenerationError) {
            return try body()
        } catch {
            throw JobStoreError(.damaged, error.message)
        }
    }
}
