internal import Generation
internal import Metrics
internal import PNGEncoding

// What a lane does: one job after another, each from its first unit of work to its end.
extension JobScheduler {
    func runLane() {
        while let job = nextJob() {
            let result: Result<Void, GenerationError>
            do throws(GenerationError) {
                try run(job)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            change { $0.end(job, result) }
        }
    }

    private func run(_ job: ScheduledJob) throws(GenerationError) {
        let start = clock.now()
        var elapsed: Double { (clock.now() - start).inSeconds }
        var progress = JobProgress(job.job, job.plan, costs: metrics.costs)
        func tell(_ contents: [Event.Content]) {
            change { table in
                // Other jobs' deadlines pass while this one computes.
                table.expire()
                table.report(contents, remainingSeconds: progress.etaSeconds, of: job)
            }
        }

        try checkGoesOn(job)
        let run = try generator.makeRun(job.job, plan: job.plan)
        while !progress.isComplete {
            try checkGoesOn(job)
            guard let phase = run.nextPhase else { throw Self.endedEarly }
            if let beginning = progress.begin(phase, elapsed: elapsed) { tell([beginning]) }
            let unitStart = clock.now()
            let update = try run.advance()
            let seconds = (clock.now() - unitStart).inSeconds
            metrics.workDone(progress.work(phase), seconds: seconds)
            switch update {
            case .textEncoded:
                tell(progress.textEncoded(seconds: seconds, elapsed: elapsed))
            case .imageEncoded:
                tell(progress.imageEncoded(seconds: seconds, elapsed: elapsed))
            case .step(let report):
                tell(progress.stepped(report, seconds: seconds, elapsed: elapsed))
            case .image(let image):
                tell(progress.decoded(seconds: seconds, elapsed: elapsed))
                let png = try encode(image, of: job)
                tell([progress.image(image, png: png, elapsed: elapsed)])
            }
        }
    }

    private func checkGoesOn(_ job: ScheduledJob) throws(GenerationError) {
        if let reason = interruption(of: job) { throw reason }
        if let deadline = job.deadline, deadline <= clock.now() { throw .deadlineExceeded }
    }

    private func encode(
        _ image: DecodedImage, of job: ScheduledJob
    ) throws(GenerationError) -> [UInt8] {
        do throws(PNGEncodingError) {
            return try PNGEncoder().encode(
                image, texts: PictureTexts.texts(job.job, job.plan, image))
        } catch {
            throw GenerationError(
                .internal, code: "inferenceError",
                "Picture \(image.imageIndex + 1) could not be written: \(error).")
        }
    }

    private static let endedEarly = GenerationError(
        .internal, code: "inferenceError",
        "The computation ended before all pictures were made. This is an error of the server.")
}
