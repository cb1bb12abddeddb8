internal import Diffusion
internal import Generation
internal import Locking
internal import Tensors

/// The colours of a VAE's latents for ``LatentSketch``, found once by decoding one small picture and kept as
/// long as the decoder is.
final class FittedColours: Sendable {
    private let found = Locked<[Float]?>(nil)

    /// Nil until ``VAEDecoder/fitColours(_:)`` has found them.
    var fitted: [Float]? { found.withLock { $0 } }

    fileprivate func keep(_ colours: [Float]) { found.withLock { $0 = colours } }

    /// Of the latents that are decoded for it: 128 x 128 pixels, a 64th of the work of 1024 x 1024.
    static let grid = OperationCount.Grid(height: 16, width: 16)

    /// [4, height, width]: of about unit variance, as latents of pictures are, in squares of 2 x 2 with noise
    /// over them. On a trained VAE's latents of pictures (`dev/train`'s) sketches so calibrated have a
    /// correlation of 0.95 with what is decoded; the best colours for those very pictures have 0.97, and smooth
    /// or white noise less.
    fileprivate static var samples: [Float] {
        let (side, tokens) = (grid.width, grid.tokens)
        var noise: any NoiseSource = TorchGenerator(seed: 0)
        var latents = [Float](repeating: 0, count: LatentSketch.channels * tokens)
        for (cell, deviation) in [(2, 0.9), (1, 0.4)] as [(Int, Float)] {
            let cells = side / cell
            var values = [Float](repeating: 0, count: LatentSketch.channels * cells * cells)
            noise.fill(&values)
            for index in latents.indices {
                let (channel, token) = index.quotientAndRemainder(dividingBy: tokens)
                let (row, column) = token.quotientAndRemainder(dividingBy: side)
                latents[index] +=
                    deviation * values[(channel * cells + row / cell) * cells + column / cell]
            }
        }
        return latents
    }
}

extension VAEDecoder {
    /// Finds the colours of the latents, unless that is done: by least squares over a decoded picture's
    /// 8 x 8 pixels each. A decoder that gives what is not finite has none.
    func fitColours(_ compute: Compute) {
        guard colours.fitted == nil else { return }
        let (grid, samples) = (FittedColours.grid, FittedColours.samples)
        let fitted: [Float]? = compute.scoped {
            let latents = compute.activation(
                images: 1, height: grid.height, width: grid.width, channels: LatentSketch.channels)
            for channel in 0..<LatentSketch.channels {
                for token in 0..<grid.tokens {
                    latents.data[token * LatentSketch.channels + channel] =
                        samples[channel * grid.tokens + token]
                }
            }
            let picture = decode(latents, compute)
            guard compute.allFinite(picture) else { return nil }
            return Self.colours(of: latents, in: picture)
        }
        if let fitted { colours.keep(fitted) }
    }

    /// The least squares by their normal equations: 5 unknowns, the 4 channels and 1, for each of 3 colours.
    static func colours(of latents: Activation, in picture: Activation) -> [Float] {
        let scale = picture.width / latents.width
        let unknowns = LatentSketch.channels + 1
        // Each row: the unknowns' products, then those with the colours.
        var rows = [[Double]](
            repeating: [Double](repeating: 0, count: unknowns + 3), count: unknowns)
        for token in 0..<latents.tokens {
            let (row, column) = token.quotientAndRemainder(dividingBy: latents.width)
            var values = (0..<LatentSketch.channels).map {
                Double(latents.data[token * LatentSketch.channels + $0])
            }
            values.append(1)
            for colour in 0..<3 {
                var sum: Float = 0
                for y in row * scale..<(row + 1) * scale {
                    for x in column * scale..<(column + 1) * scale {
                        // As it is shown.
                        sum += min(max(picture.data[(y * picture.width + x) * 3 + colour], -1), 1)
                    }
                }
                values.append(Double(sum) / Double(scale * scale))
            }
            for index in 0..<unknowns {
                for other in values.indices { rows[index][other] += values[index] * values[other] }
            }
        }
        solve(&rows)
        return rows.flatMap { $0.suffix(3).map(Float.init) }
    }

    /// Gauss and Jordan's elimination: the columns after the square become the solutions. The samples are
    /// fixed and of full rank, and such a matrix needs no pivoting.
    private static func solve(_ rows: inout [[Double]]) {
        for pivot in rows.indices {
            let factor = 1 / rows[pivot][pivot]
            for column in rows[pivot].indices { rows[pivot][column] *= factor }
            for row in rows.indices where row != pivot {
                let share = rows[row][pivot]
                for column in rows[row].indices {
                    rows[row][column] -= share * rows[pivot][column]
                }
            }
        }
    }
}

extension LatentSketch {
    func drawn(longestSide side: Int?) -> Picture {
        let drawn = pixels(longestSide: side)
        return Picture(
            size: ImageSize(height: drawn.height, width: drawn.width), pixels: drawn.pixels)
    }
}
