import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// Five steps, from the fourth the refiner's.
@Suite struct `A paused job` {
    static func paused(
        _ id: String, at point: GenerationRequest.PausePoint = .step(2)
    ) -> GenerationRequest {
        var request = request(id)
        request.pauseAt = point
        return request
    }

    static func scheduler(
        _ directory: String, generator: FakeGenerator = FakeGenerator(),
        retention: Retention = Retention(), clock: FakeClock = FakeClock()
    ) throws -> JobScheduler {
        var configuration = JobScheduler.Configuration.eager
        configuration.retention = retention
        return try JobScheduler(
            generator: generator, store: SQLiteJobStore(directory: directory),
            configuration: configuration, clock: clock.clock)
    }

    /// Runs a request to its end.
    private func run(_ request: GenerationRequest, _ scheduler: JobScheduler) throws -> Recorder {
        let recorder = Recorder()
        try scheduler.submit(request, observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.complaints == [])
        return recorder
    }

    private func resume(
        _ asked: ResumeRequest, _ scheduler: JobScheduler
    ) throws -> (job: JobDescription, recorder: Recorder) {
        let job = try answer { scheduler.resume(asked, reply: $0) }
        let recorder = Recorder()
        _ = try scheduler.watch(JobID(job.id), after: 0, observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.complaints == [])
        return (job, recorder)
    }

    /// The file of the same request, never paused.
    private func whole(_ change: (inout GenerationRequest) -> Void = { _ in }) throws -> [UInt8] {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: true) }
        var asked = request()
        change(&asked)
        return try #require(try run(asked, scheduler).images.first).png
    }

    private func refusal(_ asked: ResumeRequest, _ scheduler: JobScheduler) -> GenerationError? {
        #expect(throws: GenerationError.self) {
            try answer { scheduler.resume(asked, reply: $0) }
        }
    }

    @Test(arguments: [
        (GenerationRequest.PausePoint.step(2), 2), (.handoff, 3), (.step(4), 4), (.step(1), 1),
    ])
    func `ends with a preview, and is gone on with to the picture that it would have become`(
        point: GenerationRequest.PausePoint, step: Int
    ) throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let told = try run(Self.paused("p", at: point), scheduler)
        let preview = try #require(told.images.first)
        #expect(told.images.count == 1)
        #expect(preview.pausedStep == step)
        let summary = try #require(preview.summary)
        #expect(summary.baseSteps + summary.refinerSteps == step)
        let job = try scheduler.job("p")
        #expect(job.state == .paused && job.step == step && job.endedMilliseconds != nil)
        #expect(scheduler.metrics.snapshot.jobs.paused == 1)
        let read = try answer {
            scheduler.readImage(0, of: "p", offset: 0, byteCount: 0, reply: $0)
        }
        #expect(read.data == preview.png)
        #expect(String(decoding: preview.png, as: UTF8.self).contains("after step \(step) of 5"))

        let (resumed, recorder) = try resume(ResumeRequest(jobID: "p", requestID: "r"), scheduler)
        #expect(resumed.resumes == "p" && resumed.id == "r")
        #expect(recorder.images.map(\.png) == [try whole()])
        let own = try #require(recorder.images.first?.summary)
        #expect(own.baseSteps + own.refinerSteps == 5 - step)
        // Late as it comes, it may hear of the end alone.
        #expect(
            recorder.progress.allSatisfy {
                $0.jobSteps == 5 - step && $0.jobStep <= 5 - step
            })
        #expect(try scheduler.job("p").state == .paused)
        #expect(scheduler.metrics.snapshot.jobs.finished == 1)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `may be resumed as often as one likes, each time otherwise`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        _ = try run(Self.paused("p"), scheduler)
        var later = GenerationRequest.Refiner()
        later.startStep = 5
        var painted = GenerationRequest.Refiner()
        painted.positivePrompt = "in oil"
        painted.cfgScale = 2
        let expected: [(ResumeRequest, [UInt8])] = [
            (ResumeRequest(jobID: "p"), try whole()),
            (ResumeRequest(jobID: "p", withoutRefiner: true), try whole { $0.refiner = nil }),
            (
                ResumeRequest(jobID: "p", refiner: later),
                try whole { $0.refiner?.startStep = 5 }
            ),
            (
                ResumeRequest(jobID: "p", refiner: painted),
                try whole {
                    $0.refiner?.positivePrompt = "in oil"
                    $0.refiner?.cfgScale = 2
                }
            ),
        ]
        var ids: Set<String> = []
        for (asked, picture) in expected {
            let (job, recorder) = try resume(asked, scheduler)
            #expect(recorder.images.map(\.png) == [picture])
            ids.insert(job.id)
        }
        #expect(ids.count == 4)
    }

    @Test func `may be paused again, and that resumed`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        _ = try run(Self.paused("p"), scheduler)
        let (again, recorder) = try resume(
            ResumeRequest(jobID: "p", requestID: "q", pauseAt: .handoff), scheduler)
        #expect(recorder.images.map(\.pausedStep) == [3])
        #expect(try scheduler.job(JobID(again.id)).state == .paused)
        let (_, last) = try resume(ResumeRequest(jobID: "q"), scheduler)
        #expect(last.images.map(\.png) == [try whole()])
        #expect(scheduler.metrics.snapshot.jobs.paused == 2)
    }

    @Test func `is resumed once under one name, and by that name's request alone`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        _ = try run(Self.paused("p"), scheduler)
        let asked = ResumeRequest(jobID: "p", requestID: "r")
        let (first, told) = try resume(asked, scheduler)
        let (second, toldAgain) = try resume(asked, scheduler)
        #expect(first.id == second.id && second.state == .finished)
        #expect(told.images == toldAgain.images)
        var other = asked
        other.withoutRefiner = true
        #expect(refusal(other, scheduler)?.status == .alreadyExists)
        // As is the paused one's own.
        #expect(try run(Self.paused("p"), scheduler).images.first?.pausedStep == 2)
        let error = #expect(throws: GenerationError.self) {
            try scheduler.submit(request("p")) { _ in }
        }
        #expect(error?.status == .alreadyExists)
        #expect(scheduler.metrics.snapshot.jobs.accepted == 2)
    }

    @Test func `is refused what comes too late, and what is no paused job`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        _ = try run(Self.paused("early"), scheduler)
        _ = try run(Self.paused("late", at: .step(4)), scheduler)
        _ = try run(request("done"), scheduler)
        var first = GenerationRequest.Refiner()
        first.startStep = 2
        #expect(
            refusal(ResumeRequest(jobID: "early", refiner: first), scheduler)?.code
                == "invalidRefinerStart")
        #expect(
            refusal(ResumeRequest(jobID: "late", withoutRefiner: true), scheduler)?.code
                == "refinerHasRun")
        #expect(
            refusal(ResumeRequest(jobID: "early", pauseAt: .step(2)), scheduler)?.code
                == "invalidPauseAt")
        let both = ResumeRequest(
            jobID: "early", refiner: GenerationRequest.Refiner(), withoutRefiner: true)
        #expect(refusal(both, scheduler)?.code == "incompatibleParameters")
        #expect(refusal(ResumeRequest(jobID: "done"), scheduler)?.code == "taskNotPaused")
        #expect(refusal(ResumeRequest(jobID: "none"), scheduler)?.status == .notFound)
        #expect(scheduler.metrics.snapshot.jobs.refused == 6)
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `is thrown away by DISCARD, and has no picture to give`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        _ = try run(Self.paused("p"), scheduler)
        let all = Recorder(ordersJobs: false)
        _ = scheduler.watchAll(observer: all.observe)
        for outcome in [CancelOutcome.decodeNow, .skipToRefiner] {
            let error = #expect(throws: GenerationError.self) {
                try answer { scheduler.cancel("p", outcome, reply: $0) }
            }
            #expect(error?.code == "taskPaused")
        }
        let job = try answer { scheduler.cancel("p", .discard, reply: $0) }
        #expect(job.state == .cancelled)
        all.waitForEnds(1)
        #expect(refusal(ResumeRequest(jobID: "p"), scheduler)?.code == "taskNotPaused")
        let counts = scheduler.metrics.snapshot.jobs
        #expect((counts.paused, counts.cancelled, counts.addsUp) == (0, 1, true))
    }

    @Test func `outlives the server, and is forgotten like an ended one`() throws {
        try withTemporaryDirectory { directory in
            let clock = FakeClock()
            do {
                let scheduler = try Self.scheduler(directory, clock: clock)
                _ = try run(Self.paused("p"), scheduler)
                scheduler.stop(drain: true)
            }
            do {
                let scheduler = try Self.scheduler(directory, clock: clock)
                #expect(try scheduler.job("p").state == .paused)
                #expect(try scheduler.job("p").step == 2)
                #expect(scheduler.metrics.snapshot.jobs.paused == 1)
                #expect(scheduler.metrics.snapshot.jobs.addsUp)
                // Its watcher is told what it was told before.
                let watcher = Recorder()
                _ = try scheduler.watch("p", after: 0, observer: watcher.observe)
                #expect(watcher.waitForEnd() == nil)
                #expect(watcher.images.map(\.pausedStep) == [2])
                let (_, recorder) = try resume(ResumeRequest(jobID: "p"), scheduler)
                #expect(recorder.images.map(\.png) == [try whole()])
                scheduler.stop(drain: true)
            }
            do {
                let other = try Self.scheduler(
                    directory, generator: FakeGenerator(fingerprint: "fake-2"), clock: clock)
                #expect(refusal(ResumeRequest(jobID: "p"), other)?.code == "modelChanged")
                other.stop(drain: true)
            }
            let scheduler = try Self.scheduler(
                directory, retention: Retention(countMaximum: 0), clock: clock)
            defer { scheduler.stop(drain: false) }
            _ = try answer { scheduler.list(JobFilter(), reply: $0) }
            #expect(throws: GenerationError.self) { try scheduler.job("p") }
            let counts = scheduler.metrics.snapshot.jobs
            #expect((counts.paused, counts.cancelled, counts.addsUp) == (0, 1, true))
        }
    }

    @Test(arguments: 1..<19)
    func `neither pausing nor resuming is lost with the process`(writes: Int) throws {
        try withTemporaryDirectory { directory in
            try runUntilDeath(directory, writes: writes)
            let scheduler = try Self.scheduler(directory)
            defer { scheduler.stop(drain: false) }
            // Whatever there is, the same requests again come to the same end.
            let told = try run(Self.paused("p"), scheduler)
            #expect(told.images.map(\.pausedStep) == [2])
            let (_, recorder) = try resume(
                ResumeRequest(jobID: "p", requestID: "r"), scheduler)
            #expect(recorder.images.map(\.png) == [try whole()])
            let summary = try #require(recorder.images.first?.summary)
            #expect(summary.baseSteps + summary.refinerSteps == 3)
            #expect(scheduler.metrics.snapshot.jobs.addsUp)
        }
    }

    private func runUntilDeath(_ directory: String, writes: Int) throws {
        let store = DyingStore(try SQLiteJobStore(directory: directory), writes: writes)
        let scheduler = try JobScheduler(
            generator: FakeGenerator(), store: store, configuration: .eager)
        let recorder = Recorder()
        try scheduler.submit(Self.paused("p"), observer: recorder.observe)
        recorder.waitForEnd(or: store)
        if recorder.end != nil, !store.isDead {
            let resumed = Recorder()
            scheduler.resume(ResumeRequest(jobID: "p", requestID: "r")) { result in
                guard case .success(let job) = result else { return }
                _ = try? scheduler.watch(JobID(job.id), after: 0, observer: resumed.observe)
            }
            resumed.waitForEnd(or: store)
        }
        store.bury()
        scheduler.stop(drain: false)
    }
}
