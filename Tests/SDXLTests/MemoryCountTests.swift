import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors

@Suite struct `An estimate of memory` {
    /// The built-in models at sizes from small to where bands begin to matter.
    @Test(arguments: [Workbench.Part.base, .refiner, .decode, .encode], [(72, 136), (256, 256)])
    func `is no less than a part takes of the arena, and not much more`(
        part: Workbench.Part, size: (height: Int, width: Int)
    ) throws {
        let bench = try Workbench(catalog: ModelCatalog())
        let images = part.isGuided ? 2 : 1
        let run = try bench.prepare(
            part, size: ImageSize(height: size.height, width: size.width), images: images,
            threads: 2)
        run.run()
        let taken = run.compute.arena.highWater
        let latents = FeatureGrid(height: size.height / 8, width: size.width / 8)
        let pixels = FeatureGrid(height: size.height, width: size.width)
        let estimate =
            switch part {
            case .base:
                bench.baseExpert.unet.memoryByteCount(latents, images: images, threads: 2)
            case .refiner:
                bench.refinerExpert?.unet.memoryByteCount(latents, images: images, threads: 2)
            case .encode: bench.baseExpert.encoder?.memoryByteCount(pixels, threads: 2)
            case .decode, .text: bench.baseExpert.decoder?.memoryByteCount(latents, threads: 2)
            }
        let bytes = try #require(estimate)
        #expect(bytes >= taken, "\(part) at \(size): \(bytes) estimated, \(taken) taken")
        // Small networks work in little beside what a layer may take at most.
        let scratch = 4 * Compute.scratchFloatCount(inputs: 1024, threads: 2)
        #expect(bytes <= 2 * taken + scratch, "\(part) at \(size): \(bytes) for \(taken)")
    }

    /// What Benchmarks/README.md has of SDXL's own sizes, one image, in GiB beyond the mapped files.
    static let known: [(part: Workbench.Part, side: Int, measured: Double)] = [
        (.base, 512, 0.23), (.base, 1024, 0.75), (.refiner, 1024, 0.81), (.decode, 1024, 2.28),
    ]

    @Test func `is near what was measured of real models`() throws {
        try withTemporaryDirectory { directory in
            try writeShapes(.base, to: directory + "/base.safetensors")
            try writeShapes(.refiner, to: directory + "/refiner.safetensors")
            let bench = try Workbench(catalog: ModelCatalog(directory: directory))
            for (part, side, measured) in Self.known {
                let grid = FeatureGrid(height: side / 8, width: side / 8)
                let bytes =
                    switch part {
                    case .base:
                        bench.baseExpert.unet.memoryByteCount(grid, images: 1, threads: 2)
                    case .refiner:
                        bench.refinerExpert?.unet.memoryByteCount(grid, images: 1, threads: 2)
                    default: bench.baseExpert.decoder?.memoryByteCount(grid, threads: 2)
                    }
                let share = Double(try #require(bytes)) / Double(1 << 30) / measured
                #expect((0.9...1.6).contains(share), "\(part) at \(side): \(share)")
            }
            // Keys and values of a prompt: about 50 MB, and the text's own states.
            let prompt = bench.baseExpert.unet.promptByteCount(images: 1, tokens: 77)
            #expect((50_000_000...54_000_000).contains(prompt))
        }
    }
}
