import Testing

@testable import Generation

@Suite struct `Branches of a request` {
    private static let asked = request {
        $0.seed = 9
        $0.steps = 40
        $0.handoffHistory = "RESET"
        $0.loras = [
            .init(model: "lora", weight: 0.5, applyTo: .refiner),
            .init(model: "lora", weight: 2, applyTo: .both), .init(model: "lora"),
        ]
        $0.refiner = GenerationRequest.Refiner()
        $0.refiner?.model = "sdxl-refiner"
        $0.refiner?.startStep = 37
        $0.refiner?.cfgScale = 3
        var late = GenerationRequest.Refiner()
        late.startStepPercentage = 95
        var painted = GenerationRequest.Refiner()
        painted.positivePrompt = "in oil"
        painted.cfgScale = 4
        $0.branches = [.init(refiner: late), .init(), .init(refiner: painted)]
    }

    @Test func `are what separate requests would be`() throws {
        let job = try GenerationJob(Self.asked, models: sampleModels)
        #expect(job.refiner == nil && job.hasRefiner)
        var separate = Self.asked
        separate.branches = []
        separate.requestID = job.requestID
        var late = separate
        late.refiner?.startStep = nil
        late.refiner?.startStepPercentage = 95
        var alone = separate
        alone.refiner = nil
        alone.handoffHistory = nil
        alone.loras = [.init(model: "lora", weight: 2), .init(model: "lora")]
        var painted = separate
        painted.refiner?.positivePrompt = "in oil"
        painted.refiner?.cfgScale = 4
        for (index, request) in [late, alone, painted].enumerated() {
            let expected = try GenerationJob(request, models: sampleModels)
            #expect(job.separate(branch: index) == expected)
        }
    }

    @Test func `come back from the job's own request, and from JSON in either spelling`() throws {
        let job = try GenerationJob(Self.asked, models: sampleModels)
        let text = GenerationRequest(resolving: job).json.text
        let again = try RequestReader.read(Array(text.utf8)).requests[0]
        #expect(try GenerationJob(again, models: sampleModels) == job)
        let snake = text.replacing("startStep", with: "start_step")
            .replacing("start_stepPercentage", with: "start_step_percentage")
        #expect(try RequestReader.read(Array(snake.utf8)).requests[0] == again)
    }

    @Test(arguments: [
        (#"{"branches": {}}"#, "branches", "an array"),
        (#"{"branches": [1]}"#, "branches[0]", "an object"),
        (#"{"branches": [{}, {"startStep": 3}]}"#, "branches[1].startStep", "no parameter"),
        (#"{"branches": [{"refiner": 3}]}"#, "branches[0].refiner", "an object"),
        (
            #"{"branches": [{"refiner": {"startStep": "3"}}]}"#, "branches[0].refiner.startStep",
            "a whole number"
        ),
    ])
    func `are refused by their place where they cannot be read`(
        text: String, field: String, words: String
    ) {
        let error = #expect(throws: GenerationError.self) {
            try RequestReader.read(Array(text.utf8))
        }
        #expect(error?.fields == [field])
        #expect(error?.message.contains(words) == true)
    }

    @Test func `all start from one seed that is drawn`() throws {
        var asked = Self.asked
        asked.seed = nil
        let job = try GenerationJob(asked, models: sampleModels)
        #expect(job.seeds.count == 1)
        #expect(job.separate(branch: 0).seeds == job.separate(branch: 1).seeds)
    }

    // MARK: Plans

    private static func plan(_ baseSteps: Int, advice: [String] = []) -> GenerationPlan {
        let handoff = GenerationPlan.Handoff(
            step: baseSteps + 1, percentage: 0, timestep: 0, sigma: 0)
        return GenerationPlan(
            model: "m", refinerModel: baseSteps < 40 ? "r\(baseSteps)" : nil,
            size: ImageSize(height: 8, width: 8), seeds: [5, 6], scheduler: "", spacing: "",
            timesteps: [], sigmas: [], baseSteps: baseSteps, refinerSteps: 40 - baseSteps,
            handoff: baseSteps < 40 ? handoff : nil, advice: advice,
            fingerprint: "arithmetic m r\(baseSteps)")
    }

    private static let joined = GenerationPlan(joining: [
        plan(40, advice: ["all"]), plan(38, advice: ["all", "late"]), plan(36, advice: ["all"]),
        plan(34, advice: ["all"]), plan(32, advice: ["early", "all"]),
    ])

    @Test func `are made by their handoffs, the earliest first`() {
        let plan = Self.joined
        #expect(plan.branches.map(\.index) == [4, 3, 2, 1, 0])
        #expect(plan.branches.map(\.baseSteps) == [32, 34, 36, 38, 40])
        #expect((plan.baseSteps, plan.refinerSteps, plan.refinerModel) == (32, 8, "r32"))
        #expect(plan.imageCount == 10)
        #expect((0..<10).map { plan.seed(ofImage: $0) } == [5, 5, 5, 5, 5, 6, 6, 6, 6, 6])
        #expect((0..<5).map { plan.branch(ofImage: 5 + $0) } == [4, 3, 2, 1, 0])
        #expect((0..<6).map { plan.sharedSteps(ofImage: $0) } == [0, 32, 34, 36, 38, 0])
    }

    @Test func `count 60 steps for handoffs after 38, 36, 34 and 32 of 40, not 200`() {
        let plan = Self.joined
        #expect(plan.workedSteps == 2 * 60)
        #expect(plan.workedSteps(beforeImage: 1, step: 32) == 40)
        #expect(plan.workedSteps(beforeImage: 1, step: 33) == 41)
        #expect(plan.workedSteps(beforeImage: 4, step: 40) == 60)
        // One that is begun anew has not done less than nothing.
        #expect(plan.workedSteps(beforeImage: 4, step: 3) == 58)
        var whole = Self.plan(38)
        whole.branches = []
        #expect(whole.workedSteps == 80)
    }

    @Test func `keep their own advice and fingerprint, and share what is common`() {
        let plan = Self.joined
        #expect(plan.advice == ["all", "branch 2: late", "branch 5: early"])
        #expect(plan.fingerprint == "arithmetic m r40 r38 r36 r34 r32")
        for (image, baseSteps) in [32, 34, 36, 38, 40].enumerated() {
            let separate = plan.separate(ofImage: image)
            let expected = Self.plan(
                baseSteps,
                advice: baseSteps == 38
                    ? ["all", "late"] : baseSteps == 32 ? ["early", "all"] : ["all"])
            #expect(separate == expected)
        }
    }
}
