internal import Generation

// What a lane does: one unit of work of one job after another.
extension JobScheduler {
    func runLane() {
        let worker = JobWorker(
            generator: generator, metrics: metrics, clock: clock,
            checkpointInterval: configuration.checkpointInterval, isDurable: isDurable,
            offer: offer, change: { self.changeFromLane($0) })
        var done: ScheduledJob?
        while let job = nextSlice(after: done) {
            do throws(GenerationError) {
                try worker.advance(job)
                done = job
            } catch {
                job.activity = nil
                changeFromLane { $0.end(job, .failure(error)) }
                done = nil
            }
        }
    }

    /// What a lane has to say counts for nothing once its jobs have been ended without it.
    private func changeFromLane(_ body: (inout JobTable) -> Void) {
        change { if !$0.isAbandoned { body(&$0) } }
    }
}
