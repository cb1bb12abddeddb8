import Diffusion
import Testing

@Suite struct SchedulerNameTests {
    @Test(arguments: [
        ("Default", SamplerAlgorithm.euler, Spacing.leading),
        ("Euler", .euler, .leading),
        ("EulerDiscreteScheduler", .euler, .leading),
        ("euler karras", .euler, .karras),
        ("EULER_KARRAS", .euler, .karras),
        ("Euler a", .eulerAncestral, .leading),
        ("euler-a", .eulerAncestral, .leading),
    ])
    func `a name resolves to an algorithm and a spacing`(
        name: String, algorithm: SamplerAlgorithm, spacing: Spacing
    ) throws {
        let resolved = try SchedulerName(name)
        #expect(resolved.name == name)
        #expect(resolved.algorithm == algorithm)
        #expect(resolved.spacing == spacing)
    }

    @Test func `every name resolves, and no two are alike`() throws {
        var seen: Set<String> = []
        for name in SchedulerName.all {
            let resolved = try SchedulerName(name)
            #expect(resolved.schedule(stepCount: 7).stepCount == 7)
            let key = name.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "+" }
            #expect(seen.insert(key).inserted, "\(name)")
        }
    }

    @Test func `every algorithm and spacing that has a name is found by it`() {
        for algorithm in SamplerAlgorithm.allCases {
            #expect(SchedulerName.all.contains(algorithm.rawValue), "\(algorithm)")
        }
    }

    @Test(arguments: [("Eulr", "Euler"), ("euler karas", "Euler Karras"), ("Euler A.", "Euler a")])
    func `an unknown name is an error that lists the nearest`(name: String, nearest: String) {
        let error = #expect(throws: SchedulerNameError.self) { try SchedulerName(name) }
        guard case .unknown(name, let names) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(names.first == nearest)
        #expect(names.count == 3)
        #expect(error?.description.contains("\"\(nearest)\"") == true)
    }

    @Test(arguments: ["", " ", "+", String(repeating: "x", count: 100_000), "\u{0}", "Ä\u{301}"])
    func `any text is answered with an error`(name: String) {
        let error = #expect(throws: SchedulerNameError.self) { try SchedulerName(name) }
        #expect(error?.description.isEmpty == false)
        #expect((error?.description.count ?? 0) < 500)
    }

    @Test(arguments: ["EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler"])
    func `a name of the contract that SDXL cannot use says why and what there is`(name: String) {
        let error = #expect(throws: SchedulerNameError.self) { try SchedulerName(name) }
        #expect(error?.description.contains("SDXL") == true)
        #expect(error?.description.contains("Euler a") == true)
    }
}
