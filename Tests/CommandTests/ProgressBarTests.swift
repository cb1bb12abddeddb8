import Generation
import Testing

@testable import refinery

@Suite struct ProgressBarTests {
    @Test(arguments: [
        (0, "░░░░░░░░│░░"), (1, "█░░░░░░░│░░"), (4, "████░░░░│░░"), (7, "███████░│░░"),
        (8, "████████│░░"), (9, "████████│▓░"), (10, "████████│▓▓"), (11, "████████│▓▓"),
        (-1, "░░░░░░░░│░░"),
    ])
    func `each expert fills its own part`(step: Int, text: String) {
        let bar = ProgressBar(baseSteps: 8, refinerSteps: 2, usesColours: false)
        #expect(bar.bar(step: step, cells: 10) == text)
    }

    @Test(arguments: [(1, 99), (99, 1), (1, 1), (50, 1)])
    func `an expert with few steps still has a cell`(base: Int, refiner: Int) {
        let bar = ProgressBar(baseSteps: base, refinerSteps: refiner, usesColours: false)
        let text = bar.bar(step: base + refiner, cells: 10)
        #expect(text.contains("█") && text.contains("▓"))
        #expect(text.count == 11)
    }

    @Test func `without a refiner there is no mark`() {
        let bar = ProgressBar(baseSteps: 4, refinerSteps: 0, usesColours: false)
        #expect(bar.bar(step: 2, cells: 10) == "█████░░░░░")
    }

    @Test func `base and refiner have different colours`() {
        let bar = ProgressBar(baseSteps: 2, refinerSteps: 2, usesColours: true)
        #expect(
            bar.bar(step: 3, cells: 4)
                == "\u{1B}[36m██\u{1B}[0m│\u{1B}[35m▓\u{1B}[0m\u{1B}[2;35m░\u{1B}[0m")
    }

    @Test func `a line tells phase, step, ETA, pace and sigma`() {
        let bar = ProgressBar(baseSteps: 3, refinerSteps: 1, usesColours: false)
        #expect(
            bar.line(for: Sample.progress(.base, step: 2), width: 76)
                == "base     ████████░░░░│░░░░  step 2/4  ETA 0:12  4.13 s/it  sigma 1.613")
    }

    @Test(arguments: [
        (4.125, "4.13 s/it"), (1, "1.00 s/it"), (0.5, "2.00 it/s"), (0.004, "250.00 it/s"),
        (0, "0.00 s/it"),
    ])
    func `the pace is in the unit that has more to say`(seconds: Double, pace: String) {
        var progress = Sample.progress(.base, step: 2)
        progress.stepSeconds = seconds
        #expect(Wording.facts(of: progress)[2] == pace)
    }

    @Test func `the bar keeps its length from step to step`() {
        let bar = ProgressBar(baseSteps: 80, refinerSteps: 20, usesColours: false)
        let lengths = (0...100).map { step in
            let phase = step <= 80 ? Phase.base : .refiner
            let progress = Sample.progress(phase, step: step, steps: 100, eta: Double(step * 40))
            return bar.line(for: progress, width: 80).count { "█▓░│".contains($0) }
        }
        #expect(Set(lengths) == [21])
    }

    @Test(arguments: [Phase.textEncoding, .imageEncoding, .base, .refiner, .decoding])
    func `a line never outgrows the terminal`(phase: Phase) {
        let bar = ProgressBar(baseSteps: 36, refinerSteps: 4, usesColours: false)
        for width in 0...200 {
            let progress = Sample.progress(
                phase, step: 37, steps: 40, eta: 4_000, imageIndex: 1, imageCount: 12)
            #expect(bar.line(for: progress, width: width).count <= width)
        }
    }

    @Test func `a narrow terminal keeps the step and loses the rest`() {
        let bar = ProgressBar(baseSteps: 3, refinerSteps: 1, usesColours: false)
        let progress = Sample.progress(.base, step: 2, imageIndex: 0, imageCount: 2)
        #expect(bar.line(for: progress, width: 32) == "base     █████░░░│░░  step 2/4")
        #expect(bar.line(for: progress, width: 20) == "base     step 2/4")
    }
}
