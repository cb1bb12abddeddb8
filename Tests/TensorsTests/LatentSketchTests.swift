import CKernels
import TestSupport
import Testing

@testable import Tensors

/// Small pictures of latents, against the same in plain Swift.
struct LatentSketchTests {
    private func draws(_ count: Int, _ seed: UInt64 = 1) -> [Float] {
        var draws = Draws(state: seed)
        return (0..<count).map { _ in Float(draws.next(below: 2001)) / 1000 - 1 }
    }

    @Test(arguments: [1, 3, 4, 16, 255]) func `noise is taken out`(count: Int) {
        let (latents, prediction) = (draws(count), draws(count, 2))
        var out = [Float](repeating: .nan, count: count)
        LatentSketch.removeNoise(
            from: latents, prediction, picture: 0.5, noise: 2, into: &out)
        for index in 0..<count {
            #expect(abs(out[index] - (latents[index] - 2 * prediction[index]) / 0.5) < 1e-5)
        }
    }

    @Test(arguments: [(1, 1), (3, 5), (16, 16), (7, 31)])
    func `every latent is a pixel, an affine function of its channels`(height: Int, width: Int) {
        let tokens = height * width
        let (latents, colours) = (draws(4 * tokens), draws(15, 3).map { $0 / 4 })
        let (outHeight, outWidth, pixels) = LatentSketch(
            latents: latents, height: height, width: width, colours: colours
        ).pixels()
        #expect(outHeight == height && outWidth == width)
        for token in 0..<tokens {
            for colour in 0..<3 {
                let value = (0..<4).reduce(colours[12 + colour]) {
                    $0 + latents[$1 * tokens + token] * colours[$1 * 3 + colour]
                }
                let expected = (min(max(value / 2 + 0.5, 0), 1) * 255)
                #expect(abs(Float(pixels[token * 3 + colour]) - expected) <= 0.51)
            }
        }
    }

    /// Of one pixel: the mean under a triangle as wide as two of the coarser grid's pixels.
    private func resampled(
        _ input: [Float], _ inSize: (Int, Int), to outSize: (Int, Int), row: Int, column: Int,
        colour: Int
    ) -> Double {
        func weights(_ position: Int, _ from: Int, _ to: Int) -> [Double] {
            let ratio = Double(from) / Double(to)
            let centre = (Double(position) + 0.5) * ratio - 0.5
            let all = (0..<from).map { max(0, 1 - abs(Double($0) - centre) / max(1, ratio)) }
            let sum = all.reduce(0, +)
            return all.map { $0 / sum }
        }
        let rows = weights(row, inSize.0, outSize.0)
        let columns = weights(column, inSize.1, outSize.1)
        var sum = 0.0
        for (y, a) in rows.enumerated() {
            for (x, b) in columns.enumerated() {
                sum += a * b * Double(input[(y * inSize.1 + x) * 3 + colour])
            }
        }
        return sum
    }

    @Test(arguments: [
        (4, 4, 4, 4), (1, 1, 5, 7), (2, 3, 16, 9), (16, 16, 5, 5), (9, 5, 1, 1), (8, 12, 12, 8),
        (3, 3, 4, 4),
    ])
    func `at another size it is what bilinear and area means say`(
        height: Int, width: Int, newHeight: Int, newWidth: Int
    ) {
        let input = draws(3 * height * width)
        var out = [Float](repeating: .nan, count: 3 * newHeight * newWidth)
        var scratch = [Float](repeating: .nan, count: 3 * height * newWidth)
        refinery_resample(&out, newHeight, newWidth, input, height, width, &scratch)
        for row in 0..<newHeight {
            for column in 0..<newWidth {
                for colour in 0..<3 {
                    let expected = resampled(
                        input, (height, width), to: (newHeight, newWidth), row: row,
                        column: column, colour: colour)
                    let found = Double(out[(row * newWidth + column) * 3 + colour])
                    #expect(abs(found - expected) < 1e-5, "\(row), \(column)")
                }
            }
        }
        if (height, width) == (newHeight, newWidth) { #expect(out == input) }
    }

    @Test(arguments: [
        (16, 8, 100, 100, 50), (8, 16, 100, 50, 100), (16, 1, 32, 32, 2), (512, 1, 16, 16, 1),
    ])
    func `the longer side is as asked, the other in proportion`(
        height: Int, width: Int, side: Int, newHeight: Int, newWidth: Int
    ) {
        let sketch = LatentSketch(
            latents: draws(4 * height * width), height: height, width: width, colours: draws(15))
        let drawn = sketch.pixels(longestSide: side)
        #expect(drawn.height == newHeight && drawn.width == newWidth)
        #expect(drawn.pixels.count == 3 * newHeight * newWidth)
    }

    @Test func `latents that are no numbers are pixels all the same`() {
        let latents = [Float](repeating: .nan, count: 8) + [Float](repeating: .infinity, count: 8)
        let sketch = LatentSketch(latents: latents, height: 2, width: 2, colours: draws(15))
        #expect(sketch.pixels(longestSide: 16).pixels.count == 16 * 16 * 3)
    }
}
