import Testing

@testable import Tensors

struct ProfileTests {
    @Test func `time inside an inner pair is the inner work's alone, and all of it adds up`() {
        let profile = Profile()
        let start = ContinuousClock.now
        for _ in 0..<3 {
            profile.begin(.outer)
            spin(.microseconds(200))
            profile.begin(.inner)
            spin(.microseconds(400))
            profile.end()
            profile.end()
        }
        let passed = start.duration(to: .now)

        let outer = profile.entry(.outer)
        let inner = profile.entry(.inner)
        #expect(outer?.calls == 3)
        #expect(inner?.calls == 3)
        #expect(inner?.time ?? .zero >= .microseconds(1200))
        #expect(inner?.time == inner?.wholeTime)
        #expect(outer?.time ?? .zero >= .microseconds(600))
        #expect(outer?.wholeTime == profile.time)
        #expect(profile.time <= passed)
    }

    @Test func `every layer is told by kind and shape, with its operations or bytes`() throws {
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let profile = Profile()
        let input = compute.filled(.init(images: 2, height: 6, width: 5, inputs: 32, outputs: 1))
        let queries = compute.filled(.init(images: 2, height: 6, width: 5, inputs: 64, outputs: 1))
        let keys = compute.filled(.init(images: 2, height: 1, width: 77, inputs: 64, outputs: 1))
        let norm = GroupNorm(
            weight: Weights([32]).tensor, bias: Weights([32]).tensor, epsilon: 1e-5)
        let convolution = Convolution(
            weight: Weights([48, 32, 3, 3]).tensor, bias: Weights([48]).tensor)

        compute.profile = profile
        _ = compute.linear(input, Linear(weight: Weights([40, 32]).tensor, bias: nil))
        _ = compute.convolution(compute.groupNorm(input, norm), convolution, stride: .two)
        _ = compute.attention(queries: queries, keys: keys, values: keys, headDimension: 16)
        compute.add(input, to: input)
        compute.profile = nil
        compute.add(input, to: input)

        let works = Dictionary(
            uniqueKeysWithValues: profile.entries.map { ($0.work.name, $0.work) })
        #expect(
            Set(works.keys) == [
                "linear 60x32->40", "widen 40x32", "conv 3x3 2x3x3 32->48", "widen 48x288",
                "widen 1x48", "group moments 60x32", "widen 1x32", "group norm 60x32",
                "attention 60x77 64/16", "add 60x32",
            ])
        #expect(works["linear 60x32->40"]?.operations == 2 * 60 * 32 * 40)
        #expect(works["conv 3x3 2x3x3 32->48"]?.operations == 2 * 18 * 9 * 32 * 48)
        #expect(works["attention 60x77 64/16"]?.operations == 4 * 60 * 77 * 64)
        #expect(works["add 60x32"]?.byteCount == 3 * 4 * 60 * 32)
        #expect(profile.entries.first { $0.work.kind == .elementwise }?.calls == 1)
    }

    @Test func `a Winograd convolution's time is its inputs' transforms' and own`() throws {
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let profile = Profile()
        let input = compute.filled(.init(images: 1, height: 24, width: 24, inputs: 32, outputs: 1))
        let layer = Convolution(
            weight: Weights([32, 32, 3, 3]).tensor, bias: Weights([32]).tensor)
        compute.profile = profile
        _ = compute.convolution(input, layer)

        let kinds = Set(profile.entries.map(\.work.kind))
        #expect(kinds == [.convolution, .transforms, .widening])
        let whole = profile.entries.first { $0.work.kind == .convolution }
        #expect(whole?.wholeTime == profile.time)
    }

    private func spin(_ time: Duration) {
        let start = ContinuousClock.now
        while start.duration(to: .now) < time {}
    }
}

extension Profile {
    fileprivate func entry(_ work: Work) -> Entry? {
        entries.first { $0.work == work }
    }
}

extension Profile.Work {
    fileprivate static let outer = Profile.Work(.rest, "outer")
    fileprivate static let inner = Profile.Work(.products, "inner", operations: 1)
}
