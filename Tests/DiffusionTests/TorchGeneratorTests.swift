import Diffusion
import Foundation
import TestSupport
import Testing

@Suite struct TorchGeneratorTests {
    private struct Draws: Decodable {
        struct Tensor: Decodable {
            let sha256: String

            enum CodingKeys: String, CodingKey {
                case sha256 = "sha256_f32"
            }
        }
        let seeds: [Int64]
        let shapes: [String]
        let tensors: [String: Tensor]

        enum CodingKeys: String, CodingKey {
            case seeds, tensors
            case shapes = "order_of_draws"
        }

        static func read() throws -> Draws {
            try JSONDecoder().decode(Draws.self, from: Repository.reference("rng.json"))
        }
    }

    /// The shapes are drawn one after another from one stream, small and large mixed, so both paths
    /// and the kept number are in play.
    @Test func `every draw of every seed has torch's bytes`() throws {
        let draws = try Draws.read()
        for seed in draws.seeds {
            var generator = TorchGenerator(seed: seed)
            for shape in draws.shapes {
                let count = shape.split(separator: "x").compactMap { Int($0) }.reduce(1, *)
                let values = generator.normals(count)
                let bytes = values.flatMap { value in
                    withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
                }
                let expected = try #require(draws.tensors["\(seed).\(shape)"])
                #expect(
                    SHA256.hexDigest(of: bytes) == expected.sha256, "seed \(seed), \(shape)")
            }
        }
    }

    @Test func `values agree with the vectors where they are stored whole`() throws {
        let file = try ReferenceTensors("rng.safetensors")
        var generator = TorchGenerator(seed: 42)
        for (key, count) in [("1", 1), ("3", 3), ("15", 15), ("16", 16), ("17", 17), ("100", 100)] {
            #expect(generator.normals(count) == (try file.float32("42.\(key)")), "\(count) values")
        }
    }

    @Test(arguments: [Int64(7), -1, .max, .min])
    func `only the low 32 bits of a seed count`(seed: Int64) {
        var whole = TorchGenerator(seed: seed)
        var low = TorchGenerator(seed: Int64(UInt32(truncatingIfNeeded: seed)))
        #expect(whole.normals(40) == low.normals(40))
    }

    @Test func `a copy draws what the original draws next`() {
        var original = TorchGenerator(seed: 3)
        // An odd scalar draw leaves a kept number behind.
        _ = original.normals(5)
        var copy = original
        #expect(copy == original)
        #expect(original.normals(3) == copy.normals(3))
        #expect(original.normals(33) == copy.normals(33))
        _ = copy.normals(1)
        #expect(copy != original)
    }

    @Test func `nothing is drawn for no values`() {
        var generator = TorchGenerator(seed: 0)
        let before = generator
        #expect(generator.normals(0).isEmpty)
        #expect(generator == before)
    }
}
