internal import Generation

// What a lane does: one unit of work of one job after another.
extension JobScheduler {
    func runLane() {
        let worker = JobWorker(
            generator: generator, metrics: metrics, clock: clock,
            checkpointInterval: configuration.checkpointInterval, isDurable: isDurable,
            change: { self.change($0) })
        while let job = nextSlice() {
            do throws(GenerationError) {
                try worker.advance(job)
                change { $0.endSlice(job) }
            } catch {
                job.activity = nil
                change { $0.end(job, .failure(error)) }
            }
        }
    }
}
