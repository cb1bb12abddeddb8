import Generation
import Testing

/// What is kept as JSON comes back as it was, to the last bit.
struct RecordTests {
    static let plan = GenerationPlan(
        model: "base \"1\"", refinerModel: "r\u{E9}finer\n", size: ImageSize(height: 64, width: 72),
        seeds: [.max, 0], scheduler: "Euler", spacing: "leading",
        timesteps: [999, 0.1 + 0.2, 1e-300], sigmas: [14.614_641_189_575_195, 1e-307, 0],
        baseSteps: 2, refinerSteps: 1,
        handoff: GenerationPlan.Handoff(
            step: 3, percentage: 200 / 3, timestep: 1e-300, sigma: 1e-307),
        advice: ["Take \\ more.", ""], fingerprint: "refinery-2 \u{1F98A}")

    @Test func `a plan`() throws {
        #expect(try GenerationPlan(json: Array(Self.plan.json.text.utf8)) == Self.plan)
        var alone = Self.plan
        (alone.refinerModel, alone.handoff, alone.advice, alone.seeds) = (nil, nil, [], [])
        #expect(try GenerationPlan(json: Array(alone.json.text.utf8)) == alone)
    }

    @Test func `a plan with branches`() throws {
        var alone = Self.plan
        (alone.refinerModel, alone.handoff, alone.baseSteps, alone.refinerSteps) = (nil, nil, 3, 0)
        var plan = GenerationPlan(joining: [alone, Self.plan])
        plan.pauseStep = 2
        plan.resumes = GenerationPlan.Ticket(jobID: "a \"b\"", step: 1)
        #expect(plan.branches.map(\.index) == [1, 0])
        #expect(try GenerationPlan(json: Array(plan.json.text.utf8)) == plan)
    }

    @Test func `a summary`() throws {
        let summary = Event.Summary(
            baseSteps: 1, refinerSteps: 2, textEncodingSeconds: 0.1, imageEncodingSeconds: 1 / 3,
            baseSeconds: 1e9, refinerSeconds: 7, decodingSeconds: 0, totalSeconds: 2e-9,
            isCutShort: true, baseEvaluations: 3, refinerEvaluations: 4, sharedEvaluations: 5)
        #expect(try Event.Summary(json: Array(summary.json.text.utf8)) == summary)
    }

    @Test(arguments: StatusCode.allCases)
    func `an error`(status: StatusCode) throws {
        let error = GenerationError(
            status, code: "c", "a \"message\"\n", fields: ["a", "b.c"], retryable: true)
        #expect(try GenerationError(json: Array(error.json.text.utf8)) == error)
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"model": 1}"#, plan.json.text.replacing("\"seeds\"", with: "\"x\""),
        plan.json.text.replacing("999", with: "\"999\""), String(plan.json.text.dropLast()),
    ])
    func `what is no plan is refused`(text: String) {
        let error = #expect(throws: GenerationError.self) {
            try GenerationPlan(json: Array(text.utf8))
        }
        #expect(error?.status == .invalidArgument)
    }

    @Test func `a job's own request, with its name, makes the same job again`() throws {
        var request = GenerationRequest()
        request.requestID = "job-1"
        request.positivePrompt = "a red fox"
        request.negativePrompt = ""
        request.numberResults = 3
        request.refiner = GenerationRequest.Refiner()
        request.refiner?.model = "sdxl-refiner"
        request.refiner?.startStepPercentage = 70
        let job = try GenerationJob(request, models: sampleModels)
        let text = GenerationRequest(resolving: job).json.text
        let again = try RequestReader.read(Array(text.utf8)).requests[0]
        #expect(try GenerationJob(again, models: sampleModels) == job)
    }
}
