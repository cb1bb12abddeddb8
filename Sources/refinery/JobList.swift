import Generation

/// Jobs as text.
enum JobList {
    /// A line for each, and below one that did not finish why.
    static func text(_ jobs: [JobDescription]) -> String {
        jobs.map { job in
            let line = [Wording.printable(job.id), state(of: job), facts(of: job)]
                .filter { !$0.isEmpty }.joined(separator: "  ")
            return line + "\n" + (job.error.map { "    \(Wording.line(of: $0))\n" } ?? "")
        }.joined()
    }

    static func json(_ jobs: [JobDescription]) -> String {
        jobs.map { object(for: $0).text + "\n" }.joined()
    }

    private static func state(of job: JobDescription) -> String {
        var words = Wording.name(of: job.state)
        if let place = job.place { words += ", \(place) ahead" }
        if job.state == .running, let phase = job.phase {
            words += ", \(Wording.name(of: phase)) \(job.step)/\(job.baseSteps + job.refinerSteps)"
            if job.imageCount > 1 { words += " of image \(job.imageIndex + 1)/\(job.imageCount)" }
        }
        if !job.state.isEnded, let eta = job.etaSeconds { words += ", ETA \(Wording.clock(eta))" }
        return words
    }

    private static func facts(of job: JobDescription) -> String {
        // Nothing is known of a job whose record is damaged.
        guard !job.model.isEmpty else { return "" }
        let models = ([job.model] + [job.refinerModel].compactMap(\.self)).map(Wording.printable)
        return "\(models.joined(separator: " + "))  \(job.size.width) x \(job.size.height)"
    }

    private static func object(for job: JobDescription) -> JSONText {
        .object([
            "id": JSONText(job.id), "state": JSONText(Wording.name(of: job.state)),
            "place": job.place.map { JSONText($0) },
            "phase": job.phase.map { JSONText(Wording.name(of: $0)) },
            "imageIndex": JSONText(job.imageIndex), "imageCount": JSONText(job.imageCount),
            "step": JSONText(job.step), "baseSteps": JSONText(job.baseSteps),
            "refinerSteps": JSONText(job.refinerSteps),
            "etaSeconds": job.etaSeconds.map { JSONText($0) }, "model": JSONText(job.model),
            "refinerModel": job.refinerModel.map { JSONText($0) },
            "width": JSONText(job.size.width), "height": JSONText(job.size.height),
            "createdMilliseconds": JSONText(job.createdMilliseconds),
            "endedMilliseconds": job.endedMilliseconds.map { JSONText($0) },
            "sequence": JSONText(job.sequence), "error": job.error.map(\.json),
            "resumes": job.resumes.map { JSONText($0) },
        ])
    }
}
