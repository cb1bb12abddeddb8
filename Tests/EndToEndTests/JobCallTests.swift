import Client
import Generation
import Server
import TestSupport
import Testing
import Wire

/// The calls about jobs, through our own client and real sockets.
@Suite(.timeLimit(.minutes(15)))
struct JobCallTests {
    @Test func `a submitted job goes on without its client, and is watched by another`()
        async throws
    {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            let submitter = try RefineryClient("127.0.0.1:\(server.port)")
            let request = GenerationRequest.picture(steps: 3, id: "j")
            let job = try await submitter.submit(request)
            #expect(job.id == "j" && job.imageCount == 1 && !job.state.isEnded)
            #expect(try await submitter.submit(request).id == "j")
            submitter.close()
            server.control.waitUntilHeld()
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            let events = client.watch("j")
            server.control.release()
            var images: [Event.Image] = []
            for try await event in events {
                if let image = event.image { images.append(image) }
            }
            #expect(images.count == 1 && images[0].summary?.baseSteps == 3)
            #expect(try await client.image(0, of: "j") == images[0].png)
            let ended = try await client.job("j")
            #expect(ended.state == .finished && ended.endedMilliseconds != nil)
            #expect(try await client.jobs(JobFilter(states: [.finished])).jobs == [ended])
            #expect(try await client.serverStats().accepted == 1)
        }
    }

    @Test func `a watcher that leaves changes nothing, and may come back where it was`()
        async throws
    {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            var request = GenerationRequest.picture(steps: 3, id: "j")
            request.numberResults = 2
            _ = try await client.submit(request)
            server.control.waitUntilHeld()
            var last: UInt64 = 0
            for try await event in client.watch("j") {
                last = event.sequence
                if event.progress?.step == 1 { break }
            }
            server.control.release()
            var rest: [Event] = []
            for try await event in client.watch("j", after: last) { rest.append(event) }
            #expect(rest.allSatisfy { $0.sequence > last })
            #expect(rest.compactMap(\.image).map(\.imageIndex) == [0, 1])
            #expect(!rest.contains { $0.kind == "accepted" })
        }
    }

    @Test func `an event said again hides none from whoever comes back after it`() async throws {
        try await RunningServer.with(
            configuration: .testing { $0.progressInterval = .milliseconds(1) }
        ) { server in
            server.control.hold(beforeStep: 2)
            var client = try server.client()
            var request = GenerationRequest.picture(steps: 2, id: "j")
            request.detach = true
            _ = try client.send(.generate(request))
            server.control.waitUntilHeld()
            // More often than the job has events.
            var repeats: [Event] = []
            while repeats.count < 40 {
                let event = try client.nextEvent()
                if event.progress?.step == 1 { repeats.append(event) }
            }
            client.socket.close()
            server.control.release()
            try await server.wait { $0.finished == 1 }
            let again = try RefineryClient("127.0.0.1:\(server.port)")
            defer { again.close() }
            let last = try #require(repeats.last).sequence
            var rest: [Event] = []
            for try await event in again.watch("j", after: last) { rest.append(event) }
            #expect(rest.last?.image?.summary != nil)
            #expect(rest.allSatisfy { $0.sequence > last })
        }
    }

    @Test func `a detached Generate outlives its connection, another does not`() async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            for (id, detach) in [("stays", true), ("goes", false)] {
                var client = try server.client()
                var request = GenerationRequest.picture(steps: 2, id: id)
                request.detach = detach
                _ = try client.send(.generate(request))
                #expect(try client.nextEvent().kind == "accepted")
                client.socket.close()
            }
            try await server.wait { $0.connections == 1 }
            server.control.release()
            try await server.wait { $0.finished == 1 && $0.cancelled == 1 }
            var client = try server.client()
            guard case .job(let job) = try client.call(.getJob("stays")) else { return }
            #expect(job.state == .finished)
        }
    }

    @Test(arguments: [CancelOutcome.discard, .decodeNow, .skipToRefiner])
    func `CancelJob has its outcome, from any connection`(outcome: CancelOutcome) async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            let request = GenerationRequest.picture(steps: 5, id: "j").refined(from: 4)
            let events = client.generate(request)
            server.control.waitUntilHeld()
            let other = try RefineryClient("127.0.0.1:\(server.port)")
            defer { other.close() }
            #expect(try await other.cancel("j", outcome).state == .running)
            server.control.release()
            var images: [Event.Image] = []
            do {
                for try await event in events {
                    if let image = event.image { images.append(image) }
                }
                #expect(outcome != .discard)
            } catch let error as GenerationError {
                #expect(outcome == .discard && error.status == .cancelled)
            }
            #expect(images.map(\.summary?.isCutShort) == (outcome == .discard ? [] : [true]))
            #expect(images.first?.summary?.refinerSteps ?? 0 == (outcome == .skipToRefiner ? 2 : 0))
        }
    }

    @Test func `a watcher of all jobs hears each one's end`() async throws {
        try await RunningServer.with { server in
            server.control.fail(atStep: 3)
            var watcher = try server.client()
            _ = try watcher.send(.watch(jobID: nil, after: 0))
            var client = try server.client()
            guard case .pong = try watcher.call(.ping([])) else { return }
            for (id, steps) in [("good", 2), ("bad", 3)] {
                _ = try client.send(.generate(.picture(steps: steps, id: id)))
                _ = try? client.remainingEvents()
            }
            var ends: [String: JobState] = [:]
            while ends.count < 2 {
                let event = try watcher.nextEvent()
                #expect(event.image?.png.isEmpty ?? true)
                if case .ended(let ended) = event.content { ends[event.jobID] = ended.state }
            }
            #expect(ends == ["good": .finished, "bad": .failed])
        }
    }

    @Test(arguments: [
        CallRequest.getJob("none"), .watch(jobID: "none", after: 0),
        .cancelJob("none", .discard), .resumeJob(ResumeRequest(jobID: "none")),
        .readImage(ImagePart(jobID: "none", imageIndex: 0)),
    ])
    func `what is not there is NOT_FOUND`(call: CallRequest) async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            _ = try client.send(call)
            guard case .failed(_, let error)? = try client.nextAction() else {
                Issue.record("it was found")
                return
            }
            #expect(error.status == .notFound && error.code == "taskNotFound")
            #expect(try client.call(.ping([1])) == .pong([1]))
        }
    }

    @Test func `a paused job ends its stream with a preview, and is resumed from anywhere`()
        async throws
    {
        try await RunningServer.with { server in
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            var request = GenerationRequest.picture(steps: 5, id: "p")
            request.pauseAt = .step(2)
            var images: [Event.Image] = []
            for try await event in client.generate(request) {
                if let image = event.image { images.append(image) }
            }
            #expect(images.map(\.pausedStep) == [2])
            #expect(images.first?.summary?.baseSteps == 2)
            #expect(try await client.job("p").state == .paused)
            #expect(try await client.image(0, of: "p") == images.first?.png)

            let other = try RefineryClient("127.0.0.1:\(server.port)")
            defer { other.close() }
            let asked = ResumeRequest(jobID: "p", requestID: "r")
            let job = try await other.resume(asked)
            #expect(job.id == "r" && job.resumes == "p")
            #expect(try await other.resume(asked).id == "r")
            var events: [Event] = []
            for try await event in other.watch("r") { events.append(event) }
            guard case .accepted(let plan)? = events.first?.content else {
                Issue.record("the plan is told first")
                return
            }
            #expect(plan.resumes == GenerationPlan.Ticket(jobID: "p", step: 2))
            #expect(events.last?.image?.summary?.baseSteps == 3)
            #expect(events.last?.image?.pausedStep == nil)
            let stats = try await client.serverStats()
            #expect((stats.accepted, stats.finished, stats.paused) == (2, 1, 1))
            _ = try await client.cancel("p")
            #expect(try await client.serverStats().paused == 0)
        }
    }

    @Test func `a deadline in the request ends the job`() async throws {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 2)
            var client = try server.client()
            var request = GenerationRequest.picture(steps: 3)
            request.deadlineMilliseconds = 1
            _ = try client.send(.generate(request))
            // It passes in the queue, or in the first step, which is as good.
            try await Task.sleep(for: .milliseconds(20))
            server.control.release()
            let error = try #require(throws: GenerationError.self) {
                try client.remainingEvents()
            }
            #expect(error.status == .deadlineExceeded)
        }
    }
}
