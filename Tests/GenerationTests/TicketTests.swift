import Testing

@testable import Generation

@Suite struct `A request to resume` {
    private static func paused(_ change: (inout GenerationRequest) -> Void = { _ in }) throws
        -> GenerationRequest
    {
        var asked = refined { $0.cfgScale = 3 }
        asked.requestID = "p"
        asked.pauseAt = .step(3)
        asked.priority = 2
        asked.deadlineMilliseconds = 7000
        asked.handoffHistory = "RESET"
        change(&asked)
        return GenerationRequest(resolving: try GenerationJob(asked, models: sampleModels))
    }

    @Test func `leaves what it does not say as it was`() throws {
        let paused = try Self.paused()
        let request = try ResumeRequest(jobID: "p", requestID: "r").request(resuming: paused)
        var expected = paused
        expected.requestID = "r"
        expected.pauseAt = nil
        #expect(request == expected)
    }

    @Test func `changes what it says`() throws {
        var refiner = GenerationRequest.Refiner()
        refiner.startStepPercentage = 95
        refiner.positivePrompt = "in oil"
        let request = try ResumeRequest(
            jobID: "p", refiner: refiner, pauseAt: .handoff, priority: -1, deadlineMilliseconds: 5
        ).request(resuming: Self.paused())
        #expect(request.requestID == nil)
        #expect((request.refiner?.startStep, request.refiner?.startStepPercentage) == (nil, 95))
        #expect((request.refiner?.cfgScale, request.refiner?.positivePrompt) == (3, "in oil"))
        #expect(request.pauseAt == .handoff)
        #expect((request.priority, request.deadlineMilliseconds) == (-1, 5))
    }

    @Test func `can do without the refiner, and with one where there was none`() throws {
        let plain = try ResumeRequest(jobID: "p", withoutRefiner: true)
            .request(resuming: Self.paused())
        #expect(plain.refiner == nil && plain.handoffHistory == nil)
        #expect(try GenerationJob(plain, models: sampleModels).refiner == nil)
        let alone = try Self.paused {
            $0.refiner = nil
            $0.handoffHistory = nil
        }
        let still = try ResumeRequest(jobID: "p").request(resuming: alone)
        #expect(still.refiner == nil)
        let refined = try ResumeRequest(jobID: "p", refiner: refined().refiner)
            .request(resuming: alone)
        #expect(try GenerationJob(refined, models: sampleModels).refiner?.start == .step(18))
    }

    @Test func `is told apart from another by all that it says`() {
        let requests = [
            ResumeRequest(jobID: "p"), ResumeRequest(jobID: "q"),
            ResumeRequest(jobID: "p", requestID: "r"),
            ResumeRequest(jobID: "p", refiner: GenerationRequest.Refiner()),
            ResumeRequest(jobID: "p", withoutRefiner: true),
            ResumeRequest(jobID: "p", pauseAt: .step(1)),
            ResumeRequest(jobID: "p", pauseAt: .handoff), ResumeRequest(jobID: "p", priority: 0),
            ResumeRequest(jobID: "p", deadlineMilliseconds: 1),
        ]
        #expect(Set(requests.map(\.json.text)).count == requests.count)
    }

    @Test(arguments: [
        (#"{"pauseAt": 30}"#, GenerationRequest.PausePoint.step(30)),
        (#"{"pause_at": "handoff"}"#, .handoff),
    ])
    func `a pause is a step or the handoff in JSON`(
        text: String, point: GenerationRequest.PausePoint
    ) throws {
        let request = try RequestReader.read(Array(text.utf8)).requests[0]
        #expect(request.pauseAt == point)
        let again = try RequestReader.read(Array(request.json.text.utf8)).requests[0]
        #expect(again == request)
    }

    @Test(arguments: ["true", "\"Handoff\"", "3.5", "{}"])
    func `and nothing else`(value: String) {
        let error = #expect(throws: GenerationError.self) {
            try RequestReader.read(Array("{\"pauseAt\": \(value)}".utf8))
        }
        #expect(error?.fields == ["pauseAt"])
    }
}
