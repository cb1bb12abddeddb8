import CKernels
import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

struct WorkbenchTests {
    @Test func `the built-in models have every part`() throws {
        let bench = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID)
        #expect(bench.base.id == "tiny-base" && bench.refiner?.id == "tiny-refiner")
        #expect(bench.parts == Workbench.Part.allCases)
    }

    @Test(arguments: [
        ("nowhere", "tiny-refiner"), ("tiny-base", "nowhere"), ("tiny-refiner", "tiny-refiner"),
        ("tiny-base", "tiny-base"),
    ])
    func `a model that is not there or not what it is named for is refused`(
        base: String, refiner: String
    ) {
        #expect(throws: GenerationError.self) {
            try Workbench(catalog: ModelCatalog(), base: base, refiner: refiner)
        }
    }

    @Test(arguments: Workbench.Part.allCases)
    func `a record holds what another engine needs, and the result that a run gives`(
        part: Workbench.Part
    ) throws {
        let run = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID
        ).prepare(
            part, size: ImageSize(height: 64, width: 72), images: part.isGuided ? 2 : 1, threads: 1)
        run.run()
        let record = run.record()
        #expect(record == run.record())
        let shapes = try Self.shapes(record)
        let wanted: [String: [Int]] =
            switch part {
            case .text:
                [
                    "tokens.1": [2, 77], "tokens.2": [2, 77],
                    "encoder_hidden_states": [2, 77, 32], "text_embeds": [2, 20],
                ]
            case .base:
                [
                    "sample": [2, 4, 8, 9], "timestep": [1, 1], "time_ids": [2, 6],
                    "encoder_hidden_states": [2, 77, 32], "text_embeds": [2, 20],
                    "out": [2, 4, 8, 9],
                ]
            case .refiner:
                [
                    "sample": [2, 4, 8, 9], "timestep": [1, 1], "time_ids": [2, 5],
                    "encoder_hidden_states": [2, 77, 20], "text_embeds": [2, 20],
                    "out": [2, 4, 8, 9],
                ]
            case .decode: ["latents": [1, 4, 8, 9], "out": [1, 3, 64, 72]]
            case .encode: ["image": [1, 3, 64, 72], "out": [1, 8, 8, 9]]
            }
        #expect(shapes == wanted)
    }

    /// With one thread: a set is forced for the caller's.
    @Test(arguments: Workbench.Part.allCases)
    func `every set of kernels that this CPU has gives the same but for rounding`(
        part: Workbench.Part
    ) throws {
        let best = refinery_isa_current()
        defer { _ = refinery_isa_force(best) }
        let wanted = try Self.result(of: part)
        for set in [refinery_isa_portable, refinery_isa_avx2] where refinery_isa_force(set) {
            let result = try Self.result(of: part)
            #expect(relativeL2(result, wanted) < 2e-5, "\(set)")
            #expect(set == best || result != wanted, "\(set) is not what was forced")
        }
    }

    private static func result(of part: Workbench.Part) throws -> [Float] {
        let run = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID
        ).prepare(
            part, size: ImageSize(height: 128, width: 128), images: part.isGuided ? 2 : 1,
            threads: 1)
        return try ReferenceTensors(file: run.record(), named: "a record")
            .float32(part == .text ? "encoder_hidden_states" : "out")
    }

    @Test func `later runs are told apart from the first`() throws {
        let run = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID
        ).prepare(
            .decode, size: ImageSize(height: 64, width: 64), images: 1, threads: 2)
        var pauses = 0
        let measurement = run.measure(later: 3) { pauses += 1 }
        #expect(pauses == 4)
        #expect(measurement.later.count == 3)
        #expect((measurement.later + [measurement.first]).allSatisfy { $0 > .zero })
        #expect(measurement.arenaByteCount == run.compute.arena.highWater)
        #expect((0...1).contains(measurement.othersShare))
    }

    @Test(arguments: [
        ("cpu  420594 6 65207 225522 7649 0 377 1679 0 0", 485_807.0), ("cpu", 0), ("", 0),
    ])
    func `the system's busy ticks are those of user, nice and system`(line: String, ticks: Double) {
        #expect(OthersLoad.busyTicks(line.utf8CString.map { $0 }) == ticks)
    }

    private static func shapes(_ file: Data) throws -> [String: [Int]] {
        struct Tensor: Decodable { var shape: [Int] }
        let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return try JSONDecoder().decode(
            [String: Tensor].self, from: file.dropFirst(8).prefix(count)
        )
        .mapValues(\.shape)
    }
}
