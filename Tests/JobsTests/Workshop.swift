import Generation
import Metrics

@testable import Jobs

/// Lanes, jobs and a clock on one thread: the table and the lanes' work are the real ones, a unit takes as
/// long as a test says, and what happened can be read afterwards.
final class Workshop {
    /// One unit of work that a lane did.
    struct Unit: Equatable {
        var id: String
        var phase: Phase
        var began: Duration
        var ended: Duration
    }

    let clock = FakeClock()
    let metrics = ServerMetrics()
    private(set) var table: JobTable
    private(set) var units: [Unit] = []
    private(set) var recorders: [String: Recorder] = [:]
    /// When each job was handed in, and when it ended.
    private(set) var arrivals: [String: Duration] = [:]
    private(set) var ends: [String: Duration] = [:]
    private(set) var notices: [String] = []
    /// What lanes would have had drawn.
    private(set) var previews = PreviewOrders()
    private let generator: FakeGenerator
    private let phases = Protected<[Phase]>([])

    /// - Parameter cost: of a unit, in seconds.
    init(
        configuration: JobScheduler.Configuration = JobScheduler.Configuration(),
        needs: @escaping @Sendable (GenerationJob) -> Int = { _ in 0 },
        cost: @escaping @Sendable (String, Phase) -> Double = { _, _ in 1 }
    ) {
        let (clock, phases) = (clock, phases)
        generator = FakeGenerator(
            hook: { (id, _, phase) throws(GenerationError) in
                clock.advance(by: .seconds(cost(id, phase)))
                phases.withLock { $0.append(phase) }
            }, memory: needs)
        table = JobTable(
            configuration: configuration, isDurable: false, metrics: metrics, clock: clock.clock)
    }

    var now: Duration { clock.clock.now() }

    func submit(
        _ request: GenerationRequest, client: UInt64 = 0,
        onUpdate: @escaping @Sendable (JobUpdate) -> Void = { _ in }
    ) throws {
        let job = try GenerationJob(request, models: generator.models)
        let plan = try generator.plan(job)
        let scheduled = ScheduledJob(
            job, plan: plan, needs: generator.needs(job, plan: plan),
            digest: JobScheduler.digest(of: request), client: client, createdMilliseconds: 42,
            attempt: 0, deadline: job.deadline.map { now + $0 }, queuedAt: now)
        let recorder = Recorder(onUpdate: onUpdate)
        recorders[job.requestID] = recorder
        arrivals[job.requestID] = now
        let watcher = JobWatcher(jobID: scheduled.id, observer: recorder.observe)
        try table.admit(scheduled, pictures: [])
        change { $0.watch(scheduled, watcher, after: 0) }
    }

    /// A lane takes up a job, if there is one, and does a unit of it.
    @discardableResult
    func work() -> String? {
        guard let job = take() else { return nil }
        finish(job)
        return job.id.name
    }

    func take() -> ScheduledJob? {
        var job: ScheduledJob?
        change { job = $0.nextSlice() }
        return job
    }

    func finish(_ job: ScheduledJob) {
        let worker = JobWorker(
            generator: generator, metrics: metrics, clock: clock.clock,
            checkpointInterval: .zero, isDurable: false, offer: { self.previews.add($0) },
            change: { self.change($0) })
        let began = now
        do throws(GenerationError) {
            try worker.advance(job)
            change { $0.endSlice(job) }
        } catch {
            job.activity = nil
            change { $0.end(job, .failure(error)) }
        }
        for phase in phases.withLock({ phases in
            defer { phases = [] }
            return phases
        }) { units.append(Unit(id: job.id.name, phase: phase, began: began, ended: now)) }
    }

    /// Draws the next preview that waits, as the scheduler's thread does, but for the PNG.
    /// - Returns: what was drawn; nil where nothing waits.
    func drawPreview() -> Picture? {
        guard case .draw(let order)? = previews.next() else { return nil }
        let picture = order.draw()
        change { $0.show(.init(png: picture.pixels, step: order.step), of: order) }
        return picture
    }

    func workUntilIdle() {
        while work() != nil {}
    }

    func change(_ body: (inout JobTable) -> Void) {
        body(&table)
        while true {
            let writes = table.takeWrites()
            for write in writes { table.didWrite(write.effect, nil) }
            let ready = table.takeReady()
            notices += table.takeNotices()
            for watcher in ready {
                while case .tell(let update)? = watcher.takeNext() { watcher.observer(update) }
            }
            if writes.isEmpty, ready.isEmpty { break }
        }
        for (id, recorder) in recorders where ends[id] == nil && recorder.end != nil {
            ends[id] = now
        }
    }

    /// Seconds that lanes worked on a job while another one had been handed in and had not ended.
    func seconds(on id: String, while other: String) -> Double {
        guard let from = arrivals[other], let to = ends[other] else { return 0 }
        return units.filter { $0.id == id && $0.began >= from && $0.ended <= to }
            .reduce(0) { $0 + ($1.ended - $1.began).inSeconds }
    }

    func waited(_ id: String) -> Double {
        guard let from = arrivals[id], let to = ends[id] else { return .infinity }
        return (to - from).inSeconds
    }
}

extension FakeGenerator {
    func needs(_ job: GenerationJob, plan: GenerationPlan) -> JobNeeds {
        var needs = JobNeeds(job, plan)
        needs.workByteCount = memory(job)
        return needs
    }
}
