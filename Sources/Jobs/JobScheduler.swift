internal import Dispatch
public import Generation
public import Metrics

/// Takes requests, keeps them in a store, queues them, and has its lanes make the pictures.
///
/// A lane is a thread that advances a job by one unit of work (the text encoding, a step, a decoding) at
/// a time; after each it may turn to another job, by the rules of ``Turns``, and what is started keeps its
/// state. The store has a thread of its own, the journal's, and so have deadlines. Any thread may call,
/// the event loop too: nothing here computes or waits, but making the scheduler and ``stop(drain:)``.
///
/// A job is accepted when the store has it, and an end or a picture is told when the store has that: what
/// a watcher has been told outlives the process, if the store does. Jobs that an earlier process left
/// unfinished are gone on with.
///
/// An observer is told ``JobUpdate``s in order and never by two threads at a time, by whatever thread
/// brought them about, as a rule a lane or the journal. It must be quick, must not call
/// ``stop(drain:)``, and may cancel.
public final class JobScheduler: Sendable {
    public struct Configuration: Sendable {
        public var laneCount: Int
        /// A job whose steps take more operations is worked on alone, as it fills the threads by itself; nil
        /// where lanes are for any jobs.
        public var smallStepOperations: Double?
        /// Jobs that may wait; one more is refused with RESOURCE_EXHAUSTED.
        public var queueLimit: Int
        /// Jobs that may be started beside as many as there are lanes: set aside while others pass them.
        public var setAsideMaximum = 3
        /// Of the jobs together, beyond mapped files; one that needs more is refused with
        /// RESOURCE_EXHAUSTED. Nil is no limit.
        public var memoryByteMaximum: Int?
        /// Looks how much memory the machine has left: while there is little, no job is started beside
        /// another. Called by lanes.
        public var machineMemory: @Sendable () -> MemoryReading? = { nil }
        /// Is told sentences for the log, by any thread; it must be quick.
        public var notice: @Sendable (String) -> Void = { _ in }
        public var limits: GenerationLimits
        public var retention = Retention()
        /// Work of at most this long, or one step, is done again after the end of the process.
        public var checkpointInterval = Duration.seconds(1)
        /// A job that runs while the process ends, so often in a row and without a checkpoint in
        /// between, is given up at the next start.
        public var crashMaximum = 5
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

        var startedMaximum: Int { laneCount + setAsideMaximum }

        var lanes: LaneRule {
            LaneRule(count: laneCount, smallStepOperations: smallStepOperations)
        }

        var budget: MemoryBudget { MemoryBudget(byteMaximum: memoryByteMaximum, lanes: lanes) }
    }

    /// Between two looks at the machine's memory.
    private static let memoryInterval = Duration.seconds(1)

    public let configuration: Configuration
    public let metrics: ServerMetrics
    /// The pictures that requests may name.
    public let pictures: PictureStore
    /// Sentences for the log: what was found in the store, and what became of it.
    public let notices: [String]
    /// Whether jobs outlive the process.
    public let isDurable: Bool
    let generator: any ImageGenerator
    let clock: JobClock
    let journal: JobJournal
    let table: Protected<JobTable>
    private let onEnd: @Sendable (JobEnding) -> Void
    private let timer: DeadlineTimer
    /// When the machine's memory was last looked at.
    private let memoryRead: Protected<Duration?> = Protected(nil)
    /// Nil once they have been joined.
    private let lanes: Protected<[LaneThread]?>
    let previewOrders = Protected(PreviewOrders())
    /// Nil once it has been joined.
    let previewThread: Protected<LaneThread?> = Protected(nil)

    /// Reads the store and starts the lanes; they, and this, live until ``stop(drain:)``.
    ///
    /// - Parameters:
    ///   - store: from now on this scheduler's alone.
    ///   - onEnd: is told of each job's end, as an observer would be.
    /// - Throws: when the store cannot be read at all.
    public init(
        generator: any ImageGenerator, store: any JobStore,
        configuration: Configuration = Configuration(), metrics: ServerMetrics = ServerMetrics(),
        clock: JobClock = .system, onEnd: @escaping @Sendable (JobEnding) -> Void = { _ in }
    ) throws(JobStoreError) {
        precondition(configuration.laneCount > 0 && configuration.queueLimit > 0)
        self.generator = generator
        self.configuration = configuration
        self.metrics = metrics
        self.clock = clock
        self.onEnd = onEnd
        isDurable = store.isDurable
        pictures = PictureStore(limits: .init(generation: configuration.limits))
        var table = JobTable(
            configuration: configuration, isDurable: store.isDurable, metrics: metrics,
            clock: clock)
        var recovery = JobRecovery(
            generator: generator, pictures: pictures, configuration: configuration, clock: clock)
        notices = try recovery.recover(store, into: &table)
        self.table = Protected(table)
        journal = JobJournal(store)
        timer = DeadlineTimer(clock: clock)
        lanes = Protected([])
        timer.start { self.change { $0.expire() } }
        change { _ in }
        previewThread.withLock { thread in
            thread = LaneThread(name: "previews", stackByteCount: 1 << 20) { self.runPreviews() }
        }
        lanes.withLock { lanes in
            lanes = (0..<configuration.laneCount).map { index in
                LaneThread(
                    name: "lane-\(index)", stackByteCount: configuration.laneStackByteCount
                ) { self.runLane() }
            }
        }
    }

    /// Keeps jobs in memory: they end with the process.
    public convenience init(
        generator: any ImageGenerator, configuration: Configuration = Configuration(),
        metrics: ServerMetrics = ServerMetrics(), clock: JobClock = .system
    ) throws(JobStoreError) {
        try self.init(
            generator: generator, store: SQLiteJobStore(), configuration: configuration,
            metrics: metrics, clock: clock)
    }

    /// Checks, plans, stores and queues a job; or finds that it is already there.
    ///
    /// A request id names one job: the same request under it again attaches to the job, live or
    /// finished, and its observer is told all that still counts. An id whose job failed or was cancelled
    /// is free again.
    ///
    /// - Parameters:
    ///   - tenant: whose job it is; the name that the request gives it is among this tenant's.
    ///   - client: whose turns in the queue it takes; 0 for nobody's in particular.
    ///   - deadline: from now, in addition to the request's own; the job ends with DEADLINE_EXCEEDED when
    ///     it is not done by then.
    ///   - isOwner: ``leave(_:)`` cancels the job, unless there are other owners, or someone has
    ///     submitted it without being one.
    ///   - observer: see ``JobScheduler``; never called when this throws. A job that cannot be stored
    ///     ends with RESOURCE_EXHAUSTED or UNAVAILABLE before anything else is told.
    /// - Throws: what ``GenerationJob/init(_:models:limits:)`` and the generator's plan throw;
    ///   ALREADY_EXISTS for the id of another request's job; RESOURCE_EXHAUSTED when the queue is full, or
    ///   when the job needs more memory than there may be; DEADLINE_EXCEEDED when there is no time at all;
    ///   UNAVAILABLE when stopping.
    @discardableResult
    public func submit(
        _ request: GenerationRequest, of tenant: String = "", client: UInt64 = 0,
        deadline: Duration? = nil, isOwner: Bool = false,
        observer: @escaping @Sendable (JobUpdate) -> Void
    ) throws(GenerationError) -> JobHandle {
        do throws(GenerationError) {
            if let deadline, deadline <= .zero { throw .deadlineExceeded }
            let digest = Self.digest(of: request)
            if let name = request.requestID,
                let handle = try attach(JobID(name, of: tenant), digest, isOwner: isOwner, observer)
            {
                return handle
            }
            var limits = configuration.limits
            if limits.defaultModel.isEmpty { limits.defaultModel = generator.defaultModel }
            let job = try GenerationJob(
                request, models: generator.models, limits: limits,
                pictures: { pictures.picture(named: $0, of: tenant) })
            let plan = try generator.resolve(job)
            let needs = generator.needs(job, plan: plan)
            try configuration.budget.check(needs, plan)
            let deadlines = [deadline, job.deadline].compactMap(\.self)
            let files = try pictures.files(of: job, tenant: tenant)
            return try admit(isOwner: isOwner, observer, pictures: files) {
                ScheduledJob(
                    job, of: tenant, plan: plan, needs: needs, digest: digest, client: client,
                    createdMilliseconds: clock.wallMilliseconds(), attempt: $0,
                    deadline: deadlines.min().map { clock.now() + $0 }, queuedAt: clock.now())
            }
        } catch {
            metrics.jobRefused(of: tenant)
            throw error
        }
    }

    /// - Parameter make: the job, given which attempt under its id it is.
    func admit(
        isOwner: Bool, _ observer: @escaping JobWatcher.Observer, pictures: [StoredPicture],
        _ make: (_ attempt: Int) -> ScheduledJob
    ) throws(GenerationError) -> JobHandle {
        var job = make(0)
        let watcher = JobWatcher(jobID: job.id, observer: observer)
        try change { table throws(GenerationError) in
            // Another thread may have been faster.
            if let other = try table.known(job.id, job.digest) {
                job = other
                table.own(job, isOwner)
                table.watch(job, watcher, after: 0)
                return
            }
            if let ended = table.ended[job.id] { job = make(ended.attempt + 1) }
            job.ownerCount = isOwner ? 1 : nil
            table.watch(job, watcher, after: 0)
            try table.admit(job, pictures: pictures)
        }
        return JobHandle(watcher: watcher, job: job, isOwner: isOwner)
    }

    /// Ends a queued job at once and a running one before its next unit of work, with CANCELLED; does
    /// nothing to one that has ended.
    public func cancel(_ handle: JobHandle) {
        guard let job = handle.job else { return }
        change { $0.interrupt(job, .jobCancelled) }
    }

    /// Takes no more jobs, and returns when lanes and journal have ended.
    ///
    /// - Parameter drain: whether the accepted jobs are finished first. If not, they end with
    ///   UNAVAILABLE, the queued ones at once, the running ones before their next unit of work; in a
    ///   store that lasts they stay, to be gone on with. A second call, without draining, cuts short a
    ///   first one with.
    public func stop(drain: Bool) {
        change { $0.stop(drain: drain) }
        let mine: [LaneThread] = lanes.withLock { lanes in
            let mine = lanes ?? []
            if lanes != nil { lanes = [] }
            return mine
        }
        if !mine.isEmpty {
            for lane in mine { lane.join() }
            end()
        }
        lanes.wait { $0 == nil ? () : nil }
    }

    /// The lanes take no more work.
    private func end() {
        timer.stop()
        stopPreviews()
        journal.close()
        lanes.withLock { $0 = nil }
        lanes.notify()
    }

    /// Takes no more jobs, lets those that run go on to their end for as long as `limit`, and returns
    /// when every end is stored and told. For the end of the process: a lane in the middle of a unit of
    /// work at the limit is not waited for, and goes on computing what nobody wants.
    ///
    /// In a store that lasts, jobs that wait stay there at once, and what still runs at the limit stays
    /// with its last checkpoint. Else jobs that wait are run too, as far as there is time, and what is not
    /// done at the limit ends with UNAVAILABLE. To be called once, and not after ``stop(drain:)``.
    ///
    /// - Returns: whether the lanes have ended too.
    public func drain(within limit: Duration) -> Bool {
        change { $0.drain() }
        // The queue keeps what waits there, cancelled or not, until its time.
        let timer = DispatchWorkItem { [weak self] in self?.change { $0.abandon() } }
        DispatchQueue.global().asyncAfter(deadline: .now() + limit.inSeconds, execute: timer)
        let isAbandoned = table.wait { $0.live.isEmpty ? $0.isAbandoned : nil }
        timer.cancel()
        if isAbandoned {
            lanes.withLock { $0 = [] }
            end()
        } else {
            stop(drain: false)
        }
        return !isAbandoned
    }

    /// The next job for a lane to advance by one unit; nil when the lane is to end.
    ///
    /// - Parameter done: the one that it has just advanced, if that goes on. In one go with what comes next, so
    ///   that no other lane wakes up for it in between.
    func nextSlice(after done: ScheduledJob?) -> ScheduledJob? {
        var done = done
        enum Order {
            case run(ScheduledJob)
            case tell
            case end
        }
        while true {
            readMemory()
            let order: Order = table.wait { table in
                if let job = done, !table.isAbandoned { table.endSlice(job) }
                done = nil
                if let job = table.nextSlice() { return .run(job) }
                if table.lanesMayEnd { return .end }
                return table.hasNews ? .tell : nil
            }
            // What came of looking.
            change { _ in }
            switch order {
            case .run(let job): return job
            case .tell: continue
            case .end: return nil
            }
        }
    }

    private func readMemory() {
        let now = clock.now()
        let isDue = memoryRead.withLock { last in
            guard last.map({ now - $0 >= Self.memoryInterval }) ?? true else { return false }
            last = now
            return true
        }
        guard isDue, table.withLock({ $0.wantsReading }) else { return }
        let reading = configuration.machineMemory()
        table.withLock { $0.budget.reading = reading }
    }

    /// How the jobs and the machine stand for memory.
    ///
    /// - Parameter tenant: whose jobs alone are meant, and then nothing is said of the machine; nil for all.
    public func memory(of tenant: String? = nil) -> MemoryStatistics {
        table.withLock { $0.memoryStatistics(of: tenant) }
    }

    /// Changes the table, lets lanes look that wait, gives the journal what is to be written, and tells the
    /// observers what came of it.
    func change<Failure: Error>(
        _ body: (inout JobTable) throws(Failure) -> Void
    ) throws(Failure) {
        var ready: [JobWatcher] = []
        var endings: [JobEnding] = []
        var notices: [String] = []
        var concernsWaiters = false
        defer {
            // To wake a lane for nothing, at each step of a job that others do not concern, costs that job time.
            if concernsWaiters { table.notify() }
            for notice in notices { configuration.notice(notice) }
            for ending in endings { onEnd(ending) }
            for watcher in ready { deliver(to: watcher) }
        }
        try table.withLock { table throws(Failure) in
            defer {
                // Under the lock: the store gets changes in the order in which they happened.
                for write in table.takeWrites() {
                    journal.write(write.change) { error in
                        self.change { $0.didWrite(write.effect, error) }
                    }
                }
                ready = table.takeReady()
                endings = table.endings
                table.endings = []
                notices = table.takeNotices()
                timer.set(table.nextDeadline)
                concernsWaiters = table.concernsWaiters
            }
            try body(&table)
        }
    }

    /// The same for two requests that ask for the same under the same name. Who looks on is not what is asked.
    static func digest(of request: GenerationRequest) -> [UInt8] {
        var request = request
        (request.previewEvery, request.previewSide) = (nil, nil)
        return SHA256.digest(of: Array(request.json.text.utf8))
    }
}
