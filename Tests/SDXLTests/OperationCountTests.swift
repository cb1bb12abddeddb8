import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

struct OperationCountTests {
    /// Tera-operations of one image, as counted in diffusers' modules.
    static let known: [(part: Workbench.Part, side: Int, tera: Double)] = [
        (.base, 512, 1.589), (.base, 1024, 6.761), (.refiner, 512, 1.619), (.refiner, 1024, 7.286),
        (.decode, 512, 2.51), (.decode, 1024, 10.5),
    ]

    @Test func `SDXL's own sizes take the operations that are known of them`() throws {
        try withTemporaryDirectory { directory in
            try writeShapes(.base, to: directory + "/base.safetensors")
            try writeShapes(.refiner, to: directory + "/refiner.safetensors")
            let bench = try Workbench(catalog: ModelCatalog(directory: directory))
            for (part, side, tera) in Self.known {
                let latents = FeatureGrid(height: side / 8, width: side / 8)
                let count =
                    switch part {
                    case .base: bench.baseExpert.unet.operationCount(latents, contextTokens: 77)
                    case .refiner:
                        bench.refinerExpert?.unet.operationCount(latents, contextTokens: 77)
                    default: bench.baseExpert.decoder?.operationCount(latents)
                    }
                let counted = Double(try #require(count)) / 1e12
                #expect(abs(counted - tera) < 0.005 * tera, "\(part) \(side): \(counted)")
            }
        }
    }

    /// But for what the UNets attend to in the prompt, which is computed once a job and counted in every
    /// step, as other engines do it.
    @Test(arguments: Workbench.Part.allCases, [1, 2])
    func `a run's layers add up to the count from its shapes`(
        part: Workbench.Part, images: Int
    ) throws {
        let bench = try Workbench(catalog: ModelCatalog())
        let run = try bench.prepare(
            part, size: ImageSize(height: 72, width: 136), images: images, threads: 2)
        var counted = run.profile().operations
        let unet =
            switch part {
            case .base: bench.baseExpert.unet
            case .refiner: bench.refinerExpert?.unet
            default: UNet?.none
            }
        if let unet {
            let context = run.compute.activation(
                images: images, height: 1, width: 77, channels: unet.contextWidth)
            let prompt = Profile()
            run.compute.profile = prompt
            _ = unet.keysAndValues(of: context, run.compute)
            counted += prompt.operations
        }
        #expect(counted == run.operationCount)
    }
}

extension Profile {
    fileprivate var operations: Int { entries.reduce(0) { $0 + $1.work.operations * $1.calls } }
}

/// A model file with everything but weights: its bytes are a hole that takes no disk.
func writeShapes(_ dimensions: SDXLDimensions, to path: String) throws {
    let model = SyntheticModel(dimensions, seed: 1)
    try Data(model.header).write(to: URL(filePath: path))
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.truncate(atOffset: UInt64(model.byteCount))
    try file.close()
}
