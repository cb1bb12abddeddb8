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
        ("DPM++", .dpmPlusPlus2M, .leading),
        ("DPM++ Karras", .dpmPlusPlus2M, .karras),
        ("DPM++ 2M SDE Karras", .dpmPlusPlus2MSDE, .karras),
        ("DPM++ 3M Exponential", .dpmPlusPlus3M, .exponential),
        ("DPM++ SDE Beta", .dpmPlusPlusSDE, .beta),
        ("DPM++ 2M Uniform", .dpmPlusPlus2M, .linspace),
        ("DPMSolverSinglestepScheduler", .dpmPlusPlus2S, .linspace),
        ("UniPC 2M Karras", .uniPC, .karras),
        ("UniPC 3M", .uniPC3M, .leading),
        ("LCMScheduler", .lcm, .trailing),
        ("ddim", .ddim, .leading),
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

    @Test(arguments: ["", " ", "+", String(repeating: "x", count: 200), "\u{0}", "Ä\u{301}"])
    func `any text is answered with an error`(name: String) {
        let error = #expect(throws: SchedulerNameError.self) { try SchedulerName(name) }
        #expect(error?.description.isEmpty == false)
        #expect((error?.description.count ?? 0) < 500)
    }

    @Test func `the contract's names all have an answer`() {
        let plain = """
            Default; DDIM; DDIMScheduler; DDPMScheduler; DEISMultistepScheduler;
            DPMSolverSinglestepScheduler; DPMSolverMultistepScheduler; DPM++; DPM++ Karras; DPM++ 2M;
            DPM++ 2M Karras; DPM++ 2M SDE; DPM++ 2M SDE Karras; DPM++ 3M; DPM++ 3M Karras; DPM++ SDE;
            DPM++ SDE Karras; Euler; EulerDiscreteScheduler; Euler Karras; Euler Beta;
            Euler Exponential; Euler a; EulerAncestralDiscreteScheduler; Heun; HeunDiscreteScheduler;
            Heun Karras; KDPM2DiscreteScheduler; KDPM2AncestralDiscreteScheduler; LCM; LCMScheduler;
            LMS; LMSDiscreteScheduler; LMS Karras; PNDMScheduler; TCDScheduler; UniPC;
            UniPCMultistepScheduler; UniPC Karras; UniPC 2M; UniPC 2M Karras; UniPC 3M;
            UniPC 3M Karras
            """.split { ";\n".contains($0) }.map { $0.drop { $0 == " " } }.map(String.init)
        let families = ["DPM++", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ 3M", "DPM++ SDE", "UniPC"]
        let spaced = families.flatMap { family in
            ["Uniform", "Beta", "Exponential"].map { "\(family) \($0)" }
        }
        for name in plain.filter({ !$0.isEmpty }) + spaced {
            #expect(throws: Never.self, "\(name)") { try SchedulerName(name) }
        }
    }

    @Test(arguments: [
        "EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler", "IPNDMScheduler", "IPNDM Beta",
    ])
    func `a name of the contract that SDXL cannot use says why and what there is`(name: String) {
        let error = #expect(throws: SchedulerNameError.self) { try SchedulerName(name) }
        #expect(error?.description.contains("SDXL") == true)
        #expect(error?.description.contains("Euler a") == true)
    }
}
