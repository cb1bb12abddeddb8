import Diffusion
import Testing

@Suite struct HandoffAdviceTests {
    private func advice(_ steps: Int, _ spacing: Spacing, _ point: HandoffPoint) throws
        -> [String]
    {
        let schedule = SamplerAlgorithm.euler.schedule(stepCount: steps, spacing: spacing)
        return HandoffAdvice.sentences(
            for: try Handoff(point, schedule: schedule), schedule: schedule)
    }

    @Test(arguments: [(40, 90), (40, 85), (40, 92), (60, 95), (30, 90)])
    func `a good handoff needs no advice`(steps: Int, percentage: Int) throws {
        #expect(try advice(steps, .leading, .percentage(percentage)).isEmpty)
    }

    @Test(arguments: [
        (20, Spacing.leading, 90, "20 steps in total"),
        (20, .leading, 90, "only 2 steps"),
        (40, .leading, 99, "only 1 step:"),
        (40, .leading, 84, "final 5 to 15 percent"),
        (100, .leading, 96, "final 5 to 15 percent"),
        (40, .leading, 60, "timestep 376, outside the last 200"),
        (40, .leading, 99, "final 5 to 15 percent"),
        (40, .karras, 90, "timestep 6, where hardly any noise"),
        (40, .karras, 90, "With karras spacing timestep 200 comes after 62 percent"),
        (40, .karras, 90, "step 26 is the earliest"),
        (3, .leading, 40, "With more steps there would be a better place"),
        (2, .leading, 50, "With more steps there would be a better place"),
    ])
    func `advice names what may disappoint`(
        steps: Int, spacing: Spacing, percentage: Int, sentence: String
    ) throws {
        let sentences = try advice(steps, spacing, .percentage(percentage))
        #expect(sentences.contains { $0.contains(sentence) }, "\(sentences)")
    }

    @Test func `5 and 15 percent are inside`() throws {
        for steps in [40, 60, 80, 100] {
            for refinerSteps in [steps * 5 / 100, steps * 15 / 100] where refinerSteps >= 3 {
                let sentences = try advice(steps, .leading, .step(steps - refinerSteps + 1))
                #expect(!sentences.contains { $0.contains("percent") }, "\(steps) steps")
            }
        }
    }

    @Test func `advice can be given for every split of every schedule`() throws {
        for spacing in Spacing.allCases {
            for steps in 2...100 {
                let schedule = SamplerAlgorithm.euler.schedule(stepCount: steps, spacing: spacing)
                for start in 2...steps {
                    let handoff = try Handoff(.step(start), schedule: schedule)
                    let sentences = HandoffAdvice.sentences(for: handoff, schedule: schedule)
                    #expect(sentences.allSatisfy { $0.hasSuffix(".") })
                }
            }
        }
    }
}
