import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

/// Large pictures are decoded in bands; no band shows.
struct VAEBandTests {
    /// Bright on the left, dark on the right, uneven in between: no part's statistics are the
    /// whole's.
    private func latents(_ compute: Compute, height: Int, width: Int) -> Activation {
        let out = compute.activation(images: 1, height: height, width: width, channels: 4)
        for index in 0..<out.count {
            let x = Float(index / 4 % width) / Float(width)
            out.data[index] = 4 * x - 2 + (Float(index * 37 % 101) / 50 - 1) * (1 - x)
        }
        return out
    }

    @Test(arguments: [
        (height: 8, width: 8, floatCount: 1), (height: 9, width: 5, floatCount: 3 * 40 * 64),
        (height: 16, width: 24, floatCount: 50_000), (height: 3, width: 16, floatCount: 100_000),
    ])
    func `bands of any height give the picture of one band`(
        height: Int, width: Int, floatCount: Int
    ) throws {
        let decoder = try #require(Expert(base: StoredModel(BuiltIn.base())).decoder)
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        let input = latents(compute, height: height, width: width)
        let whole = decoder.decode(input, compute)
        let banded = decoder.decode(input, compute, Bands(floatCount: floatCount))
        #expect(whole.height == 8 * height && whole.width == 8 * width)
        var worst: Float = 0
        for index in 0..<whole.count {
            worst = max(worst, abs(whole.data[index] - banded.data[index]))
        }
        // A band of a few pixels takes other paths through convolution and product than the whole.
        let tolerance: Float = width < 16 ? 2e-5 : 0
        #expect(worst <= tolerance, "\(height) x \(width): \(worst)")
    }

    @Test func `bands need less memory, and the picture's share of it is bounded`() throws {
        let decoder = try #require(Expert(base: StoredModel(BuiltIn.base())).decoder)
        func highWater(_ bands: Bands) throws -> Int {
            let compute = try Compute(threads: 1, memoryByteCount: 1 << 30)
            _ = decoder.decode(latents(compute, height: 24, width: 24), compute, bands)
            return compute.arena.highWater
        }
        let pixels = 8 * 24 * 8 * 24
        // The last stage has 64 channels here: its input's place and what is between two
        // convolutions. The rest is panels of weights and the stages before.
        let bound = 2 * 64 * 4 * pixels + 32 << 20
        let banded = try highWater(Bands(floatCount: 1 << 16))
        #expect(banded < bound, "\(banded)")
        #expect(try banded < highWater(Bands()))
    }

    @Test func `rows are cut without a gap`() {
        #expect(Bands(floatCount: 10).cut(5, rowFloats: 4) == [0..<2, 2..<4, 4..<5])
        #expect(Bands(floatCount: 1).cut(3, rowFloats: 4) == [0..<1, 1..<2, 2..<3])
        #expect(
            Bands(floatCount: 100).cut(600, rowFloats: 1, multiple: 256) == [
                0..<256, 256..<512, 512..<600,
            ])
    }
}
