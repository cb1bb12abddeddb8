import Generation
import Metrics
import TestSupport
import Testing

@testable import Jobs

/// Jobs and pictures of several tenants in one scheduler: each has its own, and no more than it may.
@Suite struct `Tenants` {
    @Test func `have jobs of the same name that know nothing of each other`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        for (tenant, seed) in [("", 1), ("alice", 2), ("bob", 3)] {
            var asked = request("fox")
            asked.seed = Int64(seed)
            let recorder = Recorder()
            try scheduler.submit(asked, of: tenant, observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
            #expect(recorder.events.allSatisfy { $0.jobID == "fox" })
            #expect(recorder.images.map(\.seed) == [Int64(seed)])
            // The same again is the same job; another under its name is none.
            try scheduler.submit(asked, of: tenant) { _ in }
            asked.steps = 4
            let error = #expect(throws: GenerationError.self) {
                try scheduler.submit(asked, of: tenant) { _ in }
            }
            #expect(error?.status == .alreadyExists)
            let page = try answer { scheduler.list(JobFilter(), of: tenant, reply: $0) }
            #expect(page.jobs.map(\.id) == ["fox"])
        }
    }

    @Test func `do not find each other's jobs, whatever they ask`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request("fox"), of: "alice", observer: recorder.observe)
        recorder.waitForEnd()
        for other in [JobID("fox", of: "bob"), JobID("fox"), JobID("alice/fox")] {
            let asks: [() throws -> Void] = [
                { _ = try scheduler.job(other) },
                { _ = try scheduler.watch(other, after: 0) { _ in } },
                { _ = try answer { scheduler.cancel(other, .discard, reply: $0) } },
                {
                    _ = try answer {
                        scheduler.readImage(0, of: other, offset: 0, byteCount: 0, reply: $0)
                    }
                },
            ]
            for ask in asks {
                let error = #expect(throws: GenerationError.self) { try ask() }
                #expect(error?.status == .notFound && error?.code == "taskNotFound")
                #expect(error?.message.contains("alice") == other.name.contains("alice"))
            }
            let page = try answer { scheduler.list(JobFilter(), of: other.tenant, reply: $0) }
            #expect(page.jobs.isEmpty)
        }
        #expect(try scheduler.job(JobID("fox", of: "alice")).state == .finished)
    }

    @Test func `go on from their own paused jobs only`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        var asked = request("fox")
        asked.pauseAt = .handoff
        let recorder = Recorder()
        try scheduler.submit(asked, of: "alice", observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        let resuming = ResumeRequest(jobID: "fox", requestID: "on")
        for other in ["bob", ""] {
            let error = #expect(throws: GenerationError.self) {
                try answer { scheduler.resume(resuming, of: other, reply: $0) }
            }
            #expect(error?.status == .notFound && error?.code == "taskNotFound")
        }
        let resumed = try answer { scheduler.resume(resuming, of: "alice", reply: $0) }
        let rest = Recorder()
        _ = try scheduler.watch(JobID(resumed.id, of: "alice"), after: 0, observer: rest.observe)
        #expect(rest.waitForEnd() == nil)
        #expect(rest.images.count == 1)
    }

    @Test func `who watch all jobs hear of their own`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let (alice, bob) = (Recorder(ordersJobs: false), Recorder(ordersJobs: false))
        _ = scheduler.watchAll(of: "alice", observer: alice.observe)
        _ = scheduler.watchAll(of: "bob", observer: bob.observe)
        for (name, tenant) in [("a", "alice"), ("b", "bob"), ("c", "")] {
            let recorder = Recorder()
            try scheduler.submit(request(name), of: tenant, observer: recorder.observe)
            recorder.waitForEnd()
        }
        alice.waitForEnds(1)
        bob.waitForEnds(1)
        #expect(Set(alice.events.map(\.jobID)) == ["a"])
        #expect(Set(bob.events.map(\.jobID)) == ["b"])
    }

    @Test func `are held to their limits, and let others past`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, _) throws(GenerationError) in gate.pass() }),
            configuration: JobScheduler.Configuration(laneCount: 2))
        defer { scheduler.stop(drain: false) }
        scheduler.setLimits(["alice": TenantLimits(queuedMaximum: 2, runningMaximum: 1)])
        var recorders: [String: Recorder] = [:]
        func submit(_ name: String, of tenant: String) throws {
            let recorder = Recorder()
            try scheduler.submit(request(name), of: tenant, observer: recorder.observe)
            recorders[name] = recorder
            recorder.waitForUpdates(2)
        }
        try submit("a1", of: "alice")
        gate.waitForArrivals()
        try submit("a2", of: "alice")
        try submit("a3", of: "alice")
        let error = #expect(throws: GenerationError.self) { try submit("a4", of: "alice") }
        #expect(error?.status == .resourceExhausted && error?.code == "queueFull")
        #expect(error?.retryable == true)
        // The second lane stays free for whoever else comes.
        #expect(scheduler.metrics.snapshot.jobs.running == 1)
        try submit("b1", of: "bob")
        gate.waitForArrivals(2)
        #expect(try scheduler.job(JobID("b1", of: "bob")).state == .running)
        #expect(try scheduler.job(JobID("a2", of: "alice")).state == .queued)
        gate.open()
        for (_, recorder) in recorders { #expect(recorder.waitForEnd() == nil) }
        #expect(scheduler.metrics.snapshot.jobs.addsUp)
    }

    @Test func `keep their jobs over a restart`() throws {
        try withTemporaryDirectory { directory in
            let alice = JobID("a/b", of: "alice")
            do {
                let scheduler = try JobScheduler(
                    generator: FakeGenerator(), store: SQLiteJobStore(directory: directory))
                for id in [alice, JobID("a/b"), JobID("alice/a/b")] {
                    let recorder = Recorder()
                    try scheduler.submit(
                        request(id.name), of: id.tenant, observer: recorder.observe)
                    #expect(recorder.waitForEnd() == nil)
                }
                scheduler.stop(drain: false)
            }
            let scheduler = try JobScheduler(
                generator: FakeGenerator(), store: SQLiteJobStore(directory: directory))
            defer { scheduler.stop(drain: false) }
            #expect(scheduler.notices == [])
            let theirs = try answer { scheduler.list(JobFilter(), of: "alice", reply: $0) }
            #expect(theirs.jobs.map(\.id) == ["a/b"])
            let nobodys = try answer { scheduler.list(JobFilter(), reply: $0) }
            #expect(Set(nobodys.jobs.map(\.id)) == ["a/b", "alice/a/b"])
            let recorder = Recorder()
            _ = try scheduler.watch(alice, after: 0, observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
            #expect(recorder.images.count == 1 && recorder.events.allSatisfy { $0.jobID == "a/b" })
        }
    }

    @Test func `of an older store are nobody's, also where a job's name has a slash`() throws {
        try withTemporaryDirectory { directory in
            do {
                let store = try SQLiteJobStore(directory: directory)
                for name in ["plain", "a/b"] {
                    try store.apply([
                        .accepted(try Stored.job(name), pictures: []),
                        .image(
                            id: JobID(name), Stored.image(0, sequence: 3),
                            summary: Event.Summary(), ending: nil),
                    ])
                }
                // As it was before there were tenants.
                try store.database.execute(
                    """
                    PRAGMA foreign_keys = OFF;
                    UPDATE jobs SET id = substr(id, 2) WHERE id LIKE '/%';
                    UPDATE images SET job = substr(job, 2) WHERE job LIKE '/%';
                    PRAGMA user_version = 1;
                    """)
            }
            let contents = try SQLiteJobStore(directory: directory).contents()
            #expect(contents.damaged.map(\.problem) == [])
            #expect(Set(contents.unfinished.map(\.id)) == ["plain", "a/b"])
            #expect(contents.unfinished.allSatisfy { $0.images.count == 1 })
        }
    }

    @Test(arguments: [
        JobID("a"), JobID("a/b"), JobID("/"), JobID("", of: "t"), JobID("a", of: "t"),
        JobID("a/b", of: "t"), JobID("t/a"), JobID("\u{0}\n", of: "t.-_"),
    ])
    func `and names are one text, and back`(id: JobID) {
        #expect(JobID(text: id.description) == id)
    }

    @Test func `have pictures that others do not find, nor learn of`() throws {
        let store = PictureStore()
        let sample = Sample(1)
        let name = try store.add(sample.file, of: "alice")
        #expect(store.picture(named: name, of: "alice") == sample.picture)
        #expect(store.picture(named: name, of: "bob") == nil)
        #expect(store.picture(named: name) == nil)
        // To send the hash of a picture that another has sent is not to have it.
        let receipt = try receive(sample.pieces(of: 30)[0], of: "bob", by: store).get()
        #expect(receipt.received == 30 && !receipt.isComplete)
        #expect(try receive(sample.pieces(of: 30)[0], of: "alice", by: store).get().isComplete)
    }

    @Test func `make room for their own pictures first`() throws {
        var limits = PictureStore.Limits()
        limits.pictureMaximum = 3
        var shelf = PictureShelf(limits: limits)
        func names(_ tenant: String) -> [Int] {
            (1...6).filter { shelf.file(named: "\($0)", of: tenant) != nil }
        }
        shelf.insert(Sample(1).picture, file: [], name: "1", of: "bob")
        for index in 1...5 {
            shelf.insert(Sample(index).picture, file: [], name: "\(index)", of: "alice")
        }
        // Bob's is the oldest, but Alice holds the most.
        #expect(names("bob") == [1])
        #expect(names("alice") == [4, 5])
        shelf.byteMaxima = ["alice": Sample.pixelByteCount]
        shelf.insert(Sample(6).picture, file: [], name: "6", of: "alice")
        #expect(names("alice") == [6])
        #expect(names("bob") == [1])
    }
}
