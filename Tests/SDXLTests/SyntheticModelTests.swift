import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

struct SyntheticModelTests {
    static let tinyBase = SDXLDimensions(
        isRefiner: false, channels: [64, 32, 64], depths: [0, 1, 2], middleDepth: 2,
        timeIDWidth: 16, clipL: SDXLDimensions.Text(width: 12, layers: 4),
        openCLIP: SDXLDimensions.Text(width: 20, layers: 10), vaeChannels: [64, 32, 32, 32],
        hints: hints)
    static let tinyRefiner = SDXLDimensions(
        isRefiner: true, channels: [64, 32, 32, 64], depths: [0, 2, 2, 0], middleDepth: 2,
        timeIDWidth: 16, clipL: nil, openCLIP: SDXLDimensions.Text(width: 20, layers: 10),
        vaeChannels: [64, 32, 32, 32], hints: hints)
    private static let hints =
        #"{"unet_head_dim": 16, "text_encoder_head_dim": 4, "text_encoder_2_head_dim": 4}"#

    @Test func `the tiny checkpoints' sizes give exactly their tensors`() throws {
        for (dimensions, file) in [
            (Self.tinyBase, try BuiltIn.base()), (Self.tinyRefiner, try BuiltIn.refiner()),
        ] {
            let made = SyntheticTensors(dimensions).tensors
            #expect(made.map(\.name).sorted() == file.tensorNames, "\(file.name)")
            for tensor in made {
                #expect(tensor.shape == file.shape(of: tensor.name), "\(tensor.name)")
                #expect(
                    tensor.type == file.elementType(of: tensor.name)?.rawValue, "\(tensor.name)")
            }
        }
    }

    /// The published files have 6,938,040,682 and 6,075,981,930 bytes.
    @Test func `the real sizes give the published files' sizes`() {
        let base = SyntheticModel(.base, seed: 1).byteCount
        let refiner = SyntheticModel(.refiner, seed: 1).byteCount
        #expect(abs(base - 6_938_040_682) < 1 << 20, "\(base)")
        #expect(abs(refiner - 6_075_981_930) < 1 << 20, "\(refiner)")
    }

    @Test func `a written model is an expert, and the seed makes it`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/made.safetensors"
            func bytes(seed: UInt64) throws -> Data {
                try SyntheticModel(Self.tinyRefiner, seed: seed).write(to: path)
                return try Data(contentsOf: URL(filePath: path))
            }
            let first = try bytes(seed: 1)
            #expect(try bytes(seed: 2) != first)
            #expect(try bytes(seed: 1) == first)
            #expect(first.count == SyntheticModel(Self.tinyRefiner, seed: 1).byteCount)
            let file = try ModelFile(path: path)
            #expect(ModelArchitecture(file) == .sdxlRefiner)
            _ = try Expert(refiner: StoredModel(file))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 1)
        }
    }

    /// With the base's and the refiner's real first stage, where the noise takes its own path, and
    /// little else.
    @Test func `thirty steps with a handoff go down to latents and a picture of usual size`() throws
    {
        var base = Self.tinyBase
        base.channels = [320, 64, 64]
        base.hints = Self.hints
        var refiner = Self.tinyRefiner
        refiner.channels = [384, 64, 64, 64]
        try withTemporaryDirectory { directory in
            try SyntheticModel(base, seed: 3).write(to: directory + "/base.safetensors")
            try SyntheticModel(refiner, seed: 3).write(to: directory + "/refiner.safetensors")
            let generator = try SDXLGenerator(
                catalog: ModelCatalog(directory: directory), lanes: 1, threads: 2)
            var request = GenerationRequest()
            request.positivePrompt = "a lighthouse at dawn"
            request.model = "base"
            (request.width, request.height, request.steps) = (128, 128, 30)
            var asked = GenerationRequest.Refiner()
            asked.model = "refiner"
            asked.startStep = 25
            request.refiner = asked
            let job = try GenerationJob(request, models: generator.models)
            let run = try generator.makeRun(job, plan: generator.plan(job))
            var image: DecodedImage?
            while run.nextPhase != nil {
                if case .image(let made) = try run.advance() { image = made }
            }
            // Neither grey nor black and white.
            let pixels = try #require(image).pixels.map(Double.init)
            let mean = pixels.reduce(0, +) / Double(pixels.count)
            let variance =
                pixels.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(pixels.count)
            #expect((64...192).contains(mean), "\(mean)")
            #expect((20...100).contains(variance.squareRoot()), "\(variance.squareRoot())")
        }
    }

    @Test func `a folder that is not there is named, with the system's words`() {
        #expect(throws: SyntheticModelError.self) {
            try SyntheticModel(Self.tinyBase, seed: 1).write(to: "/nowhere/base.safetensors")
        }
    }

    @Test func `random weights have the deviation asked for and no part of their own cut`() {
        let weights = RandomWeights(seed: 7, deviation: 0.5)
        func fill(_ range: Range<Int>) -> [UInt16] {
            var out = [UInt16](repeating: 0, count: range.count)
            out.withUnsafeMutableBufferPointer { weights.fill($0, first: range.lowerBound) }
            return out
        }
        let whole = fill(0..<10_000)
        let values = whole.map { Double(Float16(bitPattern: $0)) }
        let mean = values.reduce(0, +) / 10_000
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 10_000
        #expect(abs(mean) < 0.02)
        #expect(abs(variance.squareRoot() - 0.5) < 0.02)
        for cut in [1, 3, 8, 9, 4095] {
            #expect(fill(0..<cut) + fill(cut..<10_000) == whole, "cut at \(cut)")
        }
    }
}
