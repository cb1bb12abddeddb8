import ArgumentParser
import Generation
import Testing

@testable import refinery

@Suite struct CompareTests {
    static func command(_ arguments: String...) throws -> CompareCommand {
        try #require(try Refinery.parseAsRoot(["compare"] + arguments) as? CompareCommand)
    }

    static func branches(_ arguments: String...) throws -> [GenerationRequest.Branch] {
        let command = try #require(
            try Refinery.parseAsRoot(["compare", "a cat", "--refiner", "r"] + arguments)
                as? CompareCommand)
        let request = try #require(try command.request.read().requests.first)
        return try CompareCommand.request(request, command.handoffs?.branches).branches
    }

    @Test func `handoffs are steps, percentages, and none`() throws {
        let branches = try Self.branches("--handoffs", "none,37,90%")
        #expect(branches.map { $0.refiner?.startStep } == [nil, 37, nil])
        #expect(branches.map { $0.refiner?.startStepPercentage } == [nil, nil, 90])
        #expect(branches[0].refiner == nil)
    }

    @Test func `without any it is without and with the refiner, from 80 percent`() throws {
        let branches = try Self.branches()
        #expect(branches == [.init(), .init(refiner: GenerationRequest.Refiner())])
        let command = try Self.command("a cat", "--refiner", "r")
        let request = try #require(try command.request.read().requests.first)
        let asked = try CompareCommand.request(request, nil)
        #expect(asked.refiner?.startStepPercentage == 80)
    }

    @Test(arguments: ["", "x", "none,", "90%%", "3.5", "none 37"])
    func `what is no list of handoffs is bad usage`(list: String) {
        #expect(throws: (any Error).self) { try Self.branches("--handoffs", list) }
    }

    @Test func `one ending, or several seeds, is bad usage`() {
        #expect(throws: UsageError.self) { try Self.branches("--handoffs", "none") }
        #expect(throws: UsageError.self) { try Self.branches("--count", "2") }
    }

    // MARK: Figures

    private static func ending(
        _ index: Int, baseSteps: Int, _ pixels: [UInt8]
    ) -> Comparison.Ending {
        let handoff = GenerationPlan.Handoff(
            step: baseSteps + 1, percentage: 0, timestep: 0, sigma: 0)
        return Comparison.Ending(
            plan: GenerationPlan.Branch(
                index: index, refinerModel: nil, baseSteps: baseSteps, refinerSteps: 4 - baseSteps,
                handoff: baseSteps < 4 ? handoff : nil, advice: [], fingerprint: ""),
            picture: Picture(size: ImageSize(height: 1, width: 2), pixels: pixels), sha256: [0xAB],
            seconds: 1.25, ownSteps: 2)
    }

    private static let comparison = Comparison(
        endings: [
            ending(0, baseSteps: 3, [0, 0, 0, 250, 0, 0]),
            ending(1, baseSteps: 4, [0, 0, 0, 0, 0, 9]),
            ending(2, baseSteps: 2, [0, 0, 0, 0, 0, 9]),
        ], seed: 7,
        summary: Event.Summary(baseEvaluations: 4, refinerEvaluations: 3, sharedEvaluations: 5))

    @Test func `the others are held against the base alone`() {
        let comparison = Self.comparison
        #expect(comparison.reference == 1)
        #expect(comparison.psnr(1, 2) == .infinity)
        // Squares of 250 and 9 over six values: 10 log10(255^2 / 10430.17).
        #expect(abs(comparison.psnr(0, 1) - 7.9477) < 0.001)
        #expect(comparison.psnr(0, 1) == comparison.psnr(1, 0))
        #expect(comparison.difference(0, 1, factor: 8).pixels == [0, 0, 0, 255, 0, 72])
    }

    @Test func `the table has a line for each ending, and what it cost`() {
        let lines = Self.comparison.table.split(separator: "\n")
        #expect(lines.count == 6)
        #expect(lines[1].hasPrefix("refiner from step 4"))
        #expect(lines[1].hasSuffix("7.9 dB"))
        #expect(lines[2].hasPrefix("base alone") && lines[2].hasSuffix("reference"))
        #expect(lines[3].hasSuffix("the same"))
        #expect(lines[5].hasPrefix("7 UNet evaluations, not 12"))
    }

    @Test func `JSON has the ratios of all pairs`() throws {
        let text = Self.comparison.json.text
        #expect(text.contains("\"psnr\":[null,7.9"))
        #expect(text.contains("\"sharedEvaluations\":5"))
        #expect(text.contains("\"sha256\":\"ab\""))
    }

    // MARK: The picture

    @Test(arguments: [
        (["none", "4"], ImageSize(height: 64 + 2 * 10 + 16, width: 3 * 72 + 8)),
        (["none", "4", "3"], ImageSize(height: 2 * (64 + 2 * 10 + 8) + 8, width: 3 * 72 + 8)),
    ])
    func `all endings come out in one picture, with their differences`(
        handoffs: [String], size: ImageSize
    ) async throws {
        let command = try Self.command(
            "a red fox", "--model", "tiny-base", "--refiner", "tiny-refiner", "--width", "64",
            "--height", "64", "--steps",
            "4", "--seed", "3", "--handoffs", handoffs.joined(separator: ","))
        let asked = try CompareCommand.request(
            try command.request.read().requests[0], command.handoffs?.branches)
        let source = try command.source.open()
        var run = ComparisonRun(source: source, rendering: nil) { _ in }
        let (comparison, files) = try await run.make(asked)
        try await source.close()

        #expect(comparison.endings.map(\.plan.index) == Array(handoffs.indices))
        #expect(comparison.endings.map(\.plan.baseSteps) == handoffs.map { (Int($0) ?? 5) - 1 })
        #expect(files.count == handoffs.count && Set(files).count == files.count)
        #expect(comparison.endings.allSatisfy { $0.seconds > 0 })
        let own = comparison.endings.reduce(0) { $0 + $1.ownSteps }
        let summary = comparison.summary
        #expect(own == summary.baseSteps + summary.refinerSteps)
        #expect(comparison.psnr(0, 1).isFinite)

        let png = try comparison.png(factor: 8)
        // Width and height are the first numbers of the header.
        func number(at place: Int) -> Int {
            png[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        #expect(ImageSize(height: number(at: 20), width: number(at: 16)) == size)
    }

    @Test func `letters are drawn, small ones as capitals, and what is beyond the edge is cut off`()
    {
        var canvas = Canvas(size: ImageSize(height: 7, width: 5), grey: 0)
        canvas.draw("i", at: ImagePoint(top: 0, left: 0), scale: 1)
        let dots = stride(from: 0, to: canvas.pixels.count, by: 3).map { canvas.pixels[$0] > 0 }
        let rows = (0..<7).map { row in
            dots[row * 5..<row * 5 + 5].map { $0 ? "#" : "." }.joined()
        }
        #expect(rows == [".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."])
        canvas.draw("WWW", at: ImagePoint(top: 3, left: 3), scale: 2)
        #expect(canvas.pixels.count == 7 * 5 * 3)
    }
}
