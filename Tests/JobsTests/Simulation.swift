import Generation
import Metrics
import TestSupport

@testable import Jobs

/// One run of clients, lanes, a clock, a store with faults and processes that end, all on one thread and
/// in an order that the seed draws. The rules are the real ones: the table of jobs, the lanes' work, the
/// recovery. What goes against them is collected in `complaints`.
final class Simulation: @unchecked Sendable {
    private var draws: Draws
    /// Of jobs' sizes, apart so that runs of before there were any can be repeated; nil for those.
    private var sizes: Draws?
    private let clock = FakeClock()
    private let store = ModelStore()
    private let generator = FakeGenerator()
    private let laneCount: Int
    private var metrics = ServerMetrics()
    private var table: JobTable
    /// What the table has given the journal, in order.
    private var inbox: [JobTable.Write] = []
    private var lanes: [ScheduledJob?]
    private var clients: [SimulatedClient] = []
    private var isPumping = false
    /// Requests whose jobs have been told to someone as accepted, by their ids.
    private var accepted: [JobID: GenerationRequest] = [:]
    /// Pictures that were told of jobs that did not fail, and so must stay.
    private var told: [JobID: [Int: [UInt8]]] = [:]
    private(set) var complaints: [String] = []
    private(set) var log: [String] = []

    init(seed: UInt64, variesSizes: Bool = true) {
        draws = Draws(state: seed)
        sizes = variesSizes ? Draws(state: ~seed) : nil
        laneCount = 1 + draws.next(below: 3)
        lanes = Array(repeating: nil, count: laneCount)
        table = JobTable(
            configuration: .eager, isDurable: true, metrics: metrics, clock: clock.clock)
        table = newTable()
    }

    private func newTable() -> JobTable {
        var configuration = JobScheduler.Configuration.eager
        configuration.laneCount = laneCount
        configuration.smallStepOperations = sizes.map { _ in Self.smallStepOperations }
        configuration.queueLimit = 4
        configuration.crashMaximum = .max
        return JobTable(
            configuration: configuration, isDurable: true, metrics: metrics, clock: clock.clock)
    }

    /// Between those of 16 x 16 and of 64 x 64 pixels.
    private static let smallStepOperations = 1e10

    // MARK: The run

    func run(actions: Int) {
        for _ in 0..<actions {
            switch draws.next(below: 100) {
            case ..<15: submit()
            case ..<55: advanceLane(draws.next(below: laneCount))
            case ..<80: writeNext()
            case ..<83: cancel()
            case ..<86: resume()
            case ..<89: watch()
            case ..<91: leave()
            case ..<95: clock.advance(by: .milliseconds(draws.next(below: 4000)))
            case ..<97:
                store.fail(with: JobStoreError(draws.next(below: 2) == 0 ? .full : .failed, "x"))
                note("the store fails")
            case ..<99: store.fail(with: nil)
            default: endProcess()
            }
            check()
        }
        settle()
    }

    /// Nothing more comes and nothing fails: every job must come to its end.
    private func settle() {
        store.fail(with: nil)
        note("settling")
        finishAll()
        // Whoever was paused can still be gone on with.
        for job in table.ended.all.sorted(by: { $0.description.id < $1.description.id })
        where job.description.state == .paused {
            let name = "last-\(job.id.name)"
            resume(job.id, as: name)
            finishAll()
            if table.ended[JobID(name)]?.description.state != .finished {
                complain("\(job.description.id) was paused and cannot be resumed")
            }
        }
        for (id, request) in accepted { checkEnd(of: id, request) }
    }

    private func finishAll() {
        for _ in 0..<20_000 {
            if table.live.isEmpty, inbox.isEmpty { break }
            for lane in lanes.indices { advanceLane(lane) }
            writeNext()
            check()
        }
        if !table.live.isEmpty { complain("jobs that never end: \(liveIDs)") }
    }

    private func submit() {
        var request = request("job-\(draws.next(below: 9))", images: 1 + draws.next(below: 2))
        if draws.next(below: 4) == 0 {
            request.numberResults = 1
            request.pauseAt = draws.next(below: 4) == 0 ? .handoff : .step(1 + draws.next(below: 4))
        } else if draws.next(below: 4) == 0 {
            request.branches = [.init(), .init(refiner: GenerationRequest.Refiner())]
        }
        if sizes?.next(below: 3) == 0 { (request.width, request.height) = (64, 64) }
        request.seed = Int64(draws.next(below: 2))
        // Some so long that others may overtake them.
        request.steps = draws.next(below: 3) == 0 ? 20 : 5
        request.priority = draws.next(below: 3) - 1
        if draws.next(below: 6) == 0 { request.deadlineMilliseconds = 5000 }
        let client = SimulatedClient(number: UInt64(1 + draws.next(below: 3)))
        let isOwner = draws.next(below: 3) > 0
        do throws(GenerationError) {
            let job = try GenerationJob(request, models: generator.models)
            let digest = JobScheduler.digest(of: request)
            let id = JobID(job.requestID)
            let watcher = watcher(of: id, client)
            if let other = try table.known(id, digest) {
                client.job = other
                client.isOwner = isOwner
                change {
                    $0.own(other, isOwner)
                    $0.watch(other, watcher, after: 0)
                }
            } else if let ended = table.ended[id], ended.description.error == nil {
                return
            } else {
                let plan = try generator.resolve(job)
                try admit(
                    ScheduledJob(
                        job, plan: plan, needs: generator.needs(job, plan: plan), digest: digest,
                        client: client.number, createdMilliseconds: 42, attempt: attempt(of: id),
                        deadline: job.deadline.map { clock.clock.now() + $0 },
                        queuedAt: clock.clock.now()), client, watcher, isOwner: isOwner)
            }
            note("client \(client.number) asks for \(job.requestID), seeds \(job.seeds)")
            clients.append(client)
        } catch {
            let expected: [StatusCode] = [.alreadyExists, .resourceExhausted, .unavailable]
            if !expected.contains(error.status) { complain("refused with \(error)") }
        }
    }

    private func attempt(of id: JobID) -> Int { table.ended[id].map { $0.attempt + 1 } ?? 0 }

    private func admit(
        _ scheduled: ScheduledJob, _ client: SimulatedClient, _ watcher: JobWatcher, isOwner: Bool
    ) throws(GenerationError) {
        scheduled.ownerCount = isOwner ? 1 : nil
        client.job = scheduled
        client.isOwner = isOwner
        try table.admit(scheduled, pictures: [])
        change { $0.watch(scheduled, watcher, after: 0) }
    }

    /// Someone goes on from a paused job, as it was or otherwise.
    private func resume() {
        let paused = table.ended.all.filter { $0.description.state == .paused }
            .map(\.id.name).sorted()
        guard let name = paused.randomElement(&draws) else { return }
        resume(
            JobID(name), as: "resumed-\(draws.next(below: 9))", without: draws.next(below: 2) == 0)
    }

    private func resume(_ id: JobID, as name: String, without: Bool = false) {
        let asked = ResumeRequest(jobID: id.name, requestID: name, withoutRefiner: without)
        let new = JobID(name)
        let client = SimulatedClient(number: UInt64(1 + draws.next(below: 3)))
        do throws(GenerationError) {
            let isKnown = try table.known(new, PausedJob.digest(of: asked)) != nil
            if isKnown || table.ended[new]?.description.error == nil && table.ended[new] != nil {
                return
            }
            let resumed = try PausedJob(id, in: store, pictures: PictureStore())
                .resumed(by: asked, generator: generator, limits: GenerationLimits())
            try admit(
                resumed.scheduled(
                    client: client.number, attempt: attempt(of: new), clock: clock.clock), client,
                watcher(of: new, client), isOwner: false)
            clients.append(client)
            note("client \(client.number) resumes \(id) as \(name)")
        } catch {
            let expected: [StatusCode] = [
                .alreadyExists, .resourceExhausted, .unavailable, .failedPrecondition,
            ]
            if !expected.contains(error.status) { complain("resuming \(id) is refused: \(error)") }
        }
    }

    /// The lane takes up a job, or does the unit for which it did; others act in between.
    private func advanceLane(_ lane: Int) {
        guard let job = lanes[lane] else {
            lanes[lane] = nextJob()
            return
        }
        lanes[lane] = nil
        let worker = JobWorker(
            generator: generator, metrics: metrics, clock: clock.clock,
            checkpointInterval: .zero, isDurable: true, change: { self.change($0) })
        clock.advance(by: .milliseconds(draws.next(below: 100)))
        do throws(GenerationError) {
            try worker.advance(job)
            change { $0.endSlice(job) }
        } catch {
            job.activity = nil
            note("\(job.id) ends: \(error.code)")
            change { $0.end(job, .failure(error)) }
        }
    }

    private var liveIDs: [JobID] { table.live.keys.sorted { $0.name < $1.name } }

    private func nextJob() -> ScheduledJob? {
        var job: ScheduledJob?
        change { job = $0.nextSlice() }
        return job
    }

    private func cancel() {
        let paused = table.ended.all.filter { $0.description.state == .paused }
        let names = table.live.keys.map(\.name) + paused.map(\.id.name)
        guard let id = names.sorted().randomElement(&draws).map({ JobID($0) }) else { return }
        let outcome = CancelOutcome.allCases[draws.next(below: 3)]
        note("cancel \(id): \(outcome)")
        change { table in
            if let job = table.live[id] {
                try? table.cancel(job, outcome)
            } else {
                try? table.cancelEnded(id, outcome)
            }
        }
    }

    private func watch() {
        guard let id = liveIDs.randomElement(&draws),
            let job = table.live[id]
        else { return }
        let client = SimulatedClient(number: 9)
        client.job = job
        clients.append(client)
        let watcher = watcher(of: id, client)
        change { $0.watch(job, watcher, after: UInt64(draws.next(below: 20))) }
    }

    private func leave() {
        guard let client = clients.randomElement(&draws), let watcher = client.watcher else {
            return
        }
        clients.removeAll { $0 === client }
        change { table in
            table.remove(watcher)
            if client.isOwner, let job = client.job { table.disown(job) }
        }
    }

    /// The process ends: what the store has not been given is gone, and so is everyone who was told.
    private func endProcess() {
        note("the process ends, and starts again")
        store.fail(with: nil)
        inbox = []
        clients = []
        lanes = Array(repeating: nil, count: laneCount)
        metrics = ServerMetrics()
        table = newTable()
        var recovery = JobRecovery(
            generator: generator, pictures: PictureStore(), configuration: .eager,
            clock: clock.clock)
        do {
            _ = try recovery.recover(store, into: &table)
        } catch {
            complain("not recovered: \(error)")
        }
        change { _ in }
        for id in accepted.keys where table.live[id] == nil && table.ended[id] == nil {
            complain("\(id) was accepted and is lost")
        }
    }

    // MARK: The journal and the watchers

    private func change(_ body: (inout JobTable) -> Void) {
        body(&table)
        pump()
    }

    /// As the scheduler does after each change.
    private func pump() {
        inbox += table.takeWrites()
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while case let ready = table.takeReady(), !ready.isEmpty {
            for watcher in ready { deliver(to: watcher) }
        }
    }

    private func deliver(to watcher: JobWatcher) {
        while let next = watcher.takeNext() {
            switch next {
            case .tell(let update): watcher.observer(update)
            case .fetch(let image):
                guard let id = watcher.jobID,
                    let stored = try? store.image(image.facts.index, of: id)
                else {
                    complain("a picture that was kept is gone")
                    return watcher.stop()
                }
                watcher.fetched(.event(image.event(png: stored.png, of: id)))
                table.wake(watcher)
                return
            }
        }
    }

    private func writeNext() {
        guard !inbox.isEmpty else { return }
        let write = inbox.removeFirst()
        var failure: JobStoreError?
        do throws(JobStoreError) {
            try store.apply([write.change])
        } catch {
            failure = error
        }
        note("\(write.change.name): \(failure == nil ? "written" : "not written")")
        if case .accepted(let job, _) = write.effect, failure == nil {
            accepted[job.id] = GenerationRequest(resolving: job.job)
            told[job.id] = [:]
        }
        change { $0.didWrite(write.effect, failure) }
    }

    private func watcher(of id: JobID, _ client: SimulatedClient) -> JobWatcher {
        let watcher = JobWatcher(jobID: id) { [unowned self, client] update in
            if let complaint = client.hear(update) { complain("\(id): \(complaint)") }
            // One that could not be kept is told all the same, and then does not count.
            if case .event(let event) = update, case .image(let image) = event.content,
                (try? store.image(image.imageIndex, of: id)) != nil
            {
                let before = told[id]?[image.imageIndex]
                if let before, before != image.png { complain("\(id): another picture") }
                told[id]?[image.imageIndex] = image.png
            }
        }
        client.watcher = watcher
        return watcher
    }

    // MARK: The rules

    private func check() {
        let now = metrics.snapshot.jobs
        if !now.addsUp { complain("the sums do not close: \(now)") }
        let running = table.live.values.filter { $0.state == .running }
        if running.count > laneCount + 3 { complain("\(running.count) jobs are started") }
        if table.queue.count > 4 + accepted.count { complain("the queue has no limit") }
        let steps = lanes.compactMap { $0?.needs.operations.baseStep }
        if sizes != nil, steps.count > 1, steps.contains(where: { $0 > Self.smallStepOperations }) {
            complain("others are worked on beside a large job")
        }
        for (id, job) in table.live where job.id != id { complain("\(id) is filed as another") }
    }

    private func checkEnd(of id: JobID, _ request: GenerationRequest) {
        guard let job = table.ended[id] else { return complain("\(id) is not known in the end") }
        guard job.description.state == .finished else { return }
        guard let history = try? store.history(of: id) else {
            return complain("\(id) has no history")
        }
        let isCutShort = history.job.summary.isCutShort
        for index in 0..<(request.numberResults ?? 1) * max(request.branches.count, 1) {
            let png = (try? store.image(index, of: id))?.png
            if png == nil, isCutShort { break }
            if let told = told[id]?[index], told != png { complain("\(id): a picture changed") }
            if !isCutShort, png != Expected.png(of: request, index) {
                complain("\(id): picture \(index) is not that of an undisturbed run")
            }
        }
    }

    private func note(_ line: String) { log.append(line) }

    private func complain(_ line: String) {
        complaints.append(line)
        log.append("COMPLAINT \(line)")
    }
}

/// A client's end of a call, and whether it is told as it must be.
final class SimulatedClient: @unchecked Sendable {
    let number: UInt64
    weak var watcher: JobWatcher?
    /// The watcher has this.
    weak var job: ScheduledJob?
    var isOwner = false
    private var last: UInt64 = 0
    private var hasEnded = false

    init(number: UInt64) { self.number = number }

    /// - Returns: what is wrong with being told that.
    func hear(_ update: JobUpdate) -> String? {
        if hasEnded { return "told after the end" }
        switch update {
        case .ended: hasEnded = true
        case .event(let event):
            if event.sequence <= last { return "sequence \(event.sequence) after \(last)" }
            last = event.sequence
        }
        return nil
    }
}

/// The pictures of runs that nothing disturbs, each made once.
enum Expected {
    private static let known = Protected<[String: [UInt8]]>([:])

    static func png(of request: GenerationRequest, _ index: Int) -> [UInt8]? {
        var request = request
        (request.priority, request.deadlineMilliseconds, request.pauseAt) = (nil, nil, nil)
        let key = "\(request.json.text) \(index)"
        if let png = known.withLock({ $0[key] }) { return png }
        guard let scheduler = try? JobScheduler(generator: FakeGenerator()) else { return nil }
        defer { scheduler.stop(drain: true) }
        let recorder = Recorder()
        _ = try? scheduler.submit(request, observer: recorder.observe)
        recorder.waitForEnd()
        guard recorder.images.indices.contains(index) else { return nil }
        known.withLock { $0[key] = recorder.images[index].png }
        return recorder.images[index].png
    }
}

extension JobChange {
    /// For the log.
    fileprivate var name: String {
        let kind = "\(self)".prefix { $0 != "(" }
        return "\(kind) \(id)"
    }
}

extension Array {
    fileprivate func randomElement(_ draws: inout Draws) -> Element? {
        isEmpty ? nil : self[draws.next(below: count)]
    }
}
