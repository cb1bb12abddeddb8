import ArgumentParser
import Generation
import Testing

@testable import refinery

@Suite struct LoadPlanTests {
    static let mix = LoadMix(
        model: "m", refiner: "r",
        sizes: [64, 64, 128].map { ImageSize(height: $0, width: 2 * $0) }, steps: [4, 8],
        handoffs: [nil, 75], seedCount: 3, cancelShare: 0.05, cutShare: 0.1, slowShare: 0.2)

    static func plan(_ arrivals: LoadPlan.Arrivals, seed: UInt64 = 1) -> LoadPlan {
        LoadPlan(mix: mix, arrivals: arrivals, duration: .seconds(1000), seed: seed)
    }

    @Test func `arrivals are a Poisson process of the rate that was asked for`() {
        let starts = Self.plan(.open(rate: 50)).starts.map { $0 / .seconds(1) }
        // 50,000 give or take five standard deviations.
        #expect(abs(Double(starts.count) - 50_000) < 5 * 224)
        #expect(starts == starts.sorted() && starts.allSatisfy { (0..<1000).contains($0) })
        let gaps = zip(starts.dropFirst(), starts).map { $0 - $1 }
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
        // Exponential gaps: their deviation is their mean, and a share of exp(-2) is above twice that.
        #expect(abs(variance.squareRoot() / mean - 1) < 0.03)
        let long = Double(gaps.count { $0 > 2 * mean }) / Double(gaps.count)
        #expect(abs(long - 0.1353) < 0.01)
    }

    @Test func `a closed loop has no times of its own`() {
        #expect(Self.plan(.closed(clients: 4)).starts.isEmpty)
    }

    @Test func `the same seed is the same load, another one another`() {
        let (plan, other) = (Self.plan(.open(rate: 1)), Self.plan(.open(rate: 1), seed: 2))
        #expect(plan.starts == Self.plan(.open(rate: 1)).starts)
        #expect(plan.starts != other.starts)
        let numbers = 0..<100
        #expect(numbers.map(plan.request) == numbers.map(plan.request))
        #expect(numbers.map(plan.request) != numbers.map(other.request))
        // Whatever was drawn before.
        #expect(plan.request(7) == Self.plan(.closed(clients: 2)).request(7))
    }

    @Test func `each list and each share is drawn from as it says`() {
        let count = 20_000
        let requests = (0..<count).map { Self.mix.request($0, seed: 3) }
        func expect(_ share: Double, _ name: String, _ matches: (LoadRequest) -> Bool) {
            let deviation = (share * (1 - share) / Double(count)).squareRoot()
            let found = Double(requests.count(where: matches)) / Double(count)
            #expect(abs(found - share) < 5 * deviation, "\(name): \(found)")
        }
        expect(1.0 / 3, "large") { $0.kind.size?.height == 128 }
        expect(0.5, "8 steps") { $0.kind.steps == 8 }
        expect(0.5, "handed over") { $0.kind.handoff == 75 }
        expect(1.0 / 3, "seed 2") { $0.kind.seed == 2 }
        expect(0.05, "cancels") { if case .cancels = $0.behaviour { true } else { false } }
        expect(0.1, "cut") { if case .isCut = $0.behaviour { true } else { false } }
        expect(0.2, "slow") { $0.behaviour == .readsSlowly }
        // Independent of each other.
        expect(0.25, "8 steps, handed over") { $0.kind.steps == 8 && $0.kind.handoff == 75 }
        // While the job is under way.
        let steps = requests.compactMap { request -> Int? in
            switch request.behaviour {
            case .cancels(let step), .isCut(let step): request.kind.steps - step
            case .waits, .readsSlowly: nil
            }
        }
        #expect(steps.min() == 1 && steps.max() == 8)
    }

    @Test func `a request is sent as it was drawn`() {
        var request = Self.mix.generationRequest(
            .init(size: ImageSize(height: 64, width: 128), steps: 8, handoff: 75, seed: 2))
        #expect(request.positivePrompt == Self.mix.prompt && request.model == "m")
        #expect(request.width == 128 && request.height == 64)
        #expect(request.steps == 8 && request.seed == 2)
        #expect(request.refiner?.model == "r" && request.refiner?.startStepPercentage == 75)
        request = Self.mix.generationRequest(.init(size: nil, steps: 8, handoff: nil, seed: 2))
        #expect(request.refiner == nil && request.width == nil && request.height == nil)
    }

    @Test func `the warm-up asks for each entry of each list`() {
        let kinds = Self.mix.warmUp.map(\.kind)
        #expect(Set(kinds.compactMap(\.size)) == Set(Self.mix.sizes))
        #expect(Set(kinds.map(\.steps)) == Set(Self.mix.steps))
        #expect(Set(kinds.map(\.handoff)) == Set(Self.mix.handoffs))
        #expect(kinds.count == 3)
    }

    // MARK: Flags

    static func command(_ arguments: String...) throws -> LoadTestCommand {
        try #require(try Refinery.parseAsRoot(["loadtest"] + arguments) as? LoadTestCommand)
    }

    @Test func `without flags it is one canonical load of the built-in models`() throws {
        let plan = try Self.command().load.plan(isBuiltIn: true)
        #expect(plan.arrivals == .closed(clients: 4) && plan.duration == .seconds(30))
        #expect(plan.mix.sizes.map(\.width) == [64, 128] && plan.mix.steps == [4, 8])
        #expect(plan.mix.handoffs == [nil, 75] && plan.mix.refiner == "emoji-refiner")
        let other = try Self.command().load.plan(isBuiltIn: false)
        #expect(other.mix.sizes.isEmpty && other.mix.steps == [20] && other.mix.handoffs == [nil])
    }

    @Test func `every flag reaches the plan`() throws {
        let plan = try Self.command(
            "--rate", "2.5", "--duration", "10", "--model", "b", "--refiner", "r", "--size",
            "64x32",
            "--steps", "3", "--steps", "5", "--handoff", "none", "--handoff", "80", "--seeds", "2",
            "--cancels", "10", "--cuts", "20", "--slow", "30", "--seed", "9", "--prompt", "a fox"
        ).load.plan(isBuiltIn: false)
        #expect(plan.arrivals == .open(rate: 2.5) && plan.duration == .seconds(10))
        #expect(plan.mix.model == "b" && plan.mix.refiner == "r" && plan.mix.prompt == "a fox")
        #expect(plan.mix.sizes == [ImageSize(height: 32, width: 64)])
        #expect(plan.mix.steps == [3, 5] && plan.mix.handoffs == [nil, 80])
        #expect(plan.mix.seedCount == 2 && plan.seed == 9)
        #expect(plan.mix.cancelShare == 0.1 && plan.mix.cutShare == 0.2)
        #expect(plan.mix.slowShare == 0.3)
    }

    @Test(arguments: [
        ["--rate", "1", "--clients", "2"], ["--rate", "0"], ["--clients", "0"],
        ["--duration", "0"], ["--cancels", "60", "--cuts", "60"], ["--slow=-1"],
        ["--size", "64"], ["--handoff", "100"], ["--handoff", "most"], ["--steps", "0"],
        ["--max-p99", "image"], ["--max-p99", "picture=2s"], ["--max-p99", "image=2"],
        ["--max-p99", "image=-1s"], ["--max-errors=-1"], ["--lanes", "0"],
        ["--lanes", "2", "--server", "127.0.0.1:1"], ["--timeout", "0"],
    ])
    func `bad usage is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) {
            try Refinery.parseAsRoot(["loadtest"] + arguments)
        }
    }

    @Test func `a handoff needs a refiner`() throws {
        let command = try Self.command("--handoff", "80")
        #expect(throws: UsageError.self) { try command.load.plan(isBuiltIn: false) }
    }
}
