import FoundationEssentials
import Generation
import SDXL
import Testing

@testable import refinery

struct BenchTurnsTests {
    @Test func `a turn is taken for each line until there are no more`() throws {
        var lines = ["", "ceiling", ""]
        let (answers, record) = try Self.turns { lines.isEmpty ? nil : lines.removeFirst() }
        struct Answer: Decodable {
            var ready: Bool?
            var part: String?
            var operations: Int?
            var firstSeconds: Double?
            var seconds: Double?
            var ceilingGFLOPS: Double?
        }
        let decoded = try answers.map {
            try JSONDecoder().decode(Answer.self, from: Data($0.utf8))
        }
        #expect(decoded.count == 4)
        #expect(decoded[0].ready == true && decoded[0].part == "decode")
        #expect(decoded[0].operations ?? 0 > 0 && decoded[0].firstSeconds ?? 0 > 0)
        #expect(decoded[1].seconds ?? 0 > 0 && decoded[3].seconds ?? 0 > 0)
        #expect(decoded[2].ceilingGFLOPS ?? 0 > 0 && decoded[2].seconds == nil)
        // Latents of 8 x 8, a picture of 64 x 64, and the header.
        #expect(record.count > 4 * (4 * 8 * 8 + 3 * 64 * 64))
    }

    @Test func `a word that is no turn ends them`() {
        #expect(throws: UsageError.self) { try Self.turns { "again" } }
    }

    private static func turns(
        readLine: @escaping () -> String?
    ) throws -> (answers: [String], record: Data) {
        let run = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID
        ).prepare(
            .decode, size: ImageSize(height: 64, width: 64), images: 1, threads: 1)
        var answers: [String] = []
        var record = Data()
        try BenchTurns(
            run: run, threads: 1, save: { record = $0 }, readLine: readLine,
            write: { answers.append($0) }
        ).serve()
        return (answers, record)
    }
}
