public import Generation
public import Metrics

/// Takes requests, queues them, and has its lanes make the pictures.
///
/// A lane is a thread that takes the first job of the queue and advances it by one unit of work (the
/// text encoding, a step, a decoding) at a time; before each it looks whether the job is cancelled or
/// late. Any thread may call, the event loop too: nothing here computes or waits, but ``stop(drain:)``.
///
/// An observer is told of its job's ``JobUpdate``s in order and never by two threads at a time: the plan
/// and first place by the thread that submits, before `submit` returns; the rest by whatever thread
/// brought it about, as a rule a lane. It must be quick, must not call ``stop(drain:)``, and may
/// cancel.
public final class JobScheduler: Sendable {
    public struct Configuration: Sendable {
        public var laneCount: Int
        /// Jobs that may wait; one more is refused with RESOURCE_EXHAUSTED.
        public var queueLimit: Int
        public var limits: GenerationLimits
        public var laneStackByteCount: Int

        public init(
            laneCount: Int = 1, queueLimit: Int = 64,
            limits: GenerationLimits = GenerationLimits(), laneStackByteCount: Int = 16 << 20
        ) {
            self.laneCount = laneCount
            self.queueLimit = queueLimit
            self.limits = limits
            self.laneStackByteCount = laneStackByteCount
        }
    }

    public let configuration: Configuration
    public let metrics: ServerMetrics
    /// The pictures that requests may name.
    public let pictures: PictureStore
    let generator: any ImageGenerator
    let clock: JobClock
    private let table: Protected<JobTable>
    /// Nil once they have been joined.
    private let lanes: Protected<[LaneThread]?>

    /// Starts the lanes; they, and this, live until ``stop(drain:)``.
    public init(
        generator: any ImageGenerator, configuration: Configuration = Configuration(),
        metrics: ServerMetrics = ServerMetrics(), clock: JobClock = .system
    ) {
        precondition(configuration.laneCount > 0 && configuration.queueLimit > 0)
        self.generator = generator
        self.configuration = configuration
        self.metrics = metrics
        pictures = PictureStore(limits: .init(generation: configuration.limits))
        self.clock = clock
        table = Protected(
            JobTable(
                queueLimit: configuration.queueLimit, laneCount: configuration.laneCount,
                metrics: metrics, clock: clock))
        lanes = Protected([])
        lanes.withLock { lanes in
            lanes = (0..<configuration.laneCount).map { index in
                LaneThread(
                    name: "lane-\(index)", stackByteCount: configuration.laneStackByteCount
                ) { self.runLane() }
            }
        }
    }

    /// Checks, plans and queues a job.
    ///
    /// - Parameters:
    ///   - deadline: from now; the job ends with DEADLINE_EXCEEDED when it is not done by then.
    ///   - observer: see ``JobScheduler``; never called when this throws.
    /// - Throws: what ``GenerationJob/init(_:models:limits:)`` and the generator's plan throw;
    ///   ALREADY_EXISTS while a job of the same request id is in progress; RESOURCE_EXHAUSTED when the
    ///   queue is full; DEADLINE_EXCEEDED when there is no time at all; UNAVAILABLE when stopping.
    @discardableResult
    public func submit(
        _ request: GenerationRequest, deadline: Duration? = nil,
        observer: @escaping @Sendable (JobUpdate) -> Void
    ) throws(GenerationError) -> JobHandle {
        do throws(GenerationError) {
            if let deadline, deadline <= .zero { throw .deadlineExceeded }
            var limits = configuration.limits
            if limits.defaultModel.isEmpty { limits.defaultModel = generator.defaultModel }
            let job = try GenerationJob(
                request, models: generator.models, limits: limits,
                pictures: pictures.picture(named:))
            let scheduled = ScheduledJob(
                job, plan: try generator.plan(job), deadline: deadline.map { clock.now() + $0 },
                observer: observer)
            try change { table throws(GenerationError) in try table.admit(scheduled) }
            return JobHandle(job: scheduled)
        } catch {
            metrics.jobRefused()
            throw error
        }
    }

    /// Ends a queued job at once and a running one before its next unit of work, with CANCELLED; does
    /// nothing to one that has ended.
    public func cancel(_ handle: JobHandle) {
        change { $0.interrupt(handle.job, .jobCancelled) }
    }

    /// Takes no more jobs, and returns when the lanes have ended.
    ///
    /// - Parameter drain: whether the accepted jobs are finished first. If not, they end with
    ///   UNAVAILABLE: the queued ones at once, the running ones before their next unit of work. A
    ///   second call, without draining, cuts short a first one with.
    public func stop(drain: Bool) {
        change { $0.stop(drain: drain) }
        let mine: [LaneThread] = lanes.withLock { lanes in
            let mine = lanes ?? []
            if lanes != nil { lanes = [] }
            return mine
        }
        if !mine.isEmpty {
            for lane in mine { lane.join() }
            lanes.withLock { $0 = nil }
            lanes.notify()
        }
        lanes.wait { $0 == nil ? () : nil }
    }

    /// The next job for a lane; nil when it is to end.
    func nextJob() -> ScheduledJob? {
        enum Order {
            case run(ScheduledJob)
            case end
        }
        let (order, ready): (Order, [ScheduledJob]) = table.wait { table in
            if let job = table.startNext() { return (.run(job), table.takeReady()) }
            return table.isStopping ? (.end, table.takeReady()) : nil
        }
        for job in ready { deliver(job) }
        switch order {
        case .run(let job): return job
        case .end: return nil
        }
    }

    /// Changes the table, lets the lanes look, and tells the observers what came of it.
    func change<Failure: Error>(
        _ body: (inout JobTable) throws(Failure) -> Void
    ) throws(Failure) {
        var ready: [ScheduledJob] = []
        defer {
            table.notify()
            for job in ready { deliver(job) }
        }
        try table.withLock { table throws(Failure) in
            defer { ready = table.takeReady() }
            try body(&table)
        }
    }

    func interruption(of job: ScheduledJob) -> GenerationError? {
        table.withLock { _ in job.interruption }
    }

    private func deliver(_ job: ScheduledJob) {
        while let (observer, update) = table.withLock({ _ in job.takeUpdate() }) {
            observer(update)
        }
    }
}
