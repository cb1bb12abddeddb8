import Diffusion
import Testing

@Suite struct GuidanceTests {
    @Test func `guidance goes from the negative prediction through the positive one`() {
        let negative: [Float] = [1, -2, 0.5, 0]
        let positive: [Float] = [2, -2, 0.25, -1]
        for (scale, expected) in [
            (Float(0), negative), (1, positive), (5, [6, -2, -0.75, -5]), (-1, [0, -2, 0.75, 1]),
        ] {
            var result = [Float](repeating: .nan, count: 4)
            var span = result.mutableSpan
            Guidance.apply(
                scale: scale, negative: negative.span, positive: positive.span, into: &span)
            #expect(result == expected, "scale \(scale)")
        }
    }

    @Test(arguments: [(0.0, false), (1.0, false), (1.0001, true), (7.5, true)])
    func `at 1 and below one pass is enough`(scale: Double, isNeeded: Bool) {
        #expect(Guidance.isNeeded(scale: scale) == isNeeded)
    }
}
