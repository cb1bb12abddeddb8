/// Layers over pictures so large that what lies between two layers should never exist whole: it is
/// made and used in bands of rows, and results may take their inputs' place. The numbers are those of
/// the plain layers; only memory differs.
public struct Bands: Sendable {
    /// The most floats of one band of one intermediate. A picture that has fewer is one band.
    public let floatCount: Int

    public init(floatCount: Int = 64 << 20) {
        self.floatCount = floatCount
    }

    /// Cuts `count` rows of `rowFloats` floats into pieces that are whole multiples of `multiple`,
    /// but for the last.
    func cut(_ count: Int, rowFloats: Int, multiple: Int = 1) -> [Range<Int>] {
        let size = max(1, floatCount / rowFloats / multiple) * multiple
        return stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
    }
}

extension Compute {
    /// `layer` of the picture after `norm` and `activation`, plus `residual`. `out` may be `residual`,
    /// not `input`.
    ///
    /// The norm is over the whole picture; a band and a few more rows above and below are normalised
    /// and convolved at a time. The convolution sees one row beyond; the margin is larger so that
    /// ``Winograd``'s tiles lie as in the whole picture.
    public func convolution(
        ofNormed input: Activation, _ norm: GroupNorm, activation kind: ActivationFunction,
        _ layer: Convolution, residual: Activation? = nil, into out: Activation, _ bands: Bands
    ) {
        precondition(out.height == input.height && out.width == input.width)
        scoped {
            let scales = groupScales(input, norm)
            let rowFloats = input.width * max(input.channels, out.channels)
            for image in 0..<input.images {
                let own = scales.image(image, channels: input.channels)
                let margin = Winograd.tileSide
                for rows in bands.cut(input.height, rowFloats: rowFloats, multiple: margin) {
                    let seen =
                        max(
                            0, rows.lowerBound - margin)..<min(
                            input.height, rows.upperBound + margin)
                    scoped {
                        let source = input.rows(seen, ofImage: image)
                        let normed = activation(like: source)
                        normalize(source, own, activation: kind, into: normed)
                        let convolved = convolution(
                            normed, layer, residual: residual?.rows(seen, ofImage: image))
                        let first = rows.lowerBound - seen.lowerBound
                        copy(
                            convolved.rows(first..<first + rows.count, ofImage: 0),
                            to: out.rows(rows, ofImage: image))
                    }
                }
            }
        }
    }

    /// `layer` of each token, in the memory of `input`, which is gone afterwards. There must be room
    /// behind it where the result is larger.
    public func replace(_ input: Activation, by layer: Linear, _ bands: Bands) -> Activation {
        let out = Activation(
            data: input.data, images: input.images, height: input.height, width: input.width,
            channels: layer.outputs)
        let cuts = bands.cut(
            input.rows, rowFloats: max(layer.inputs, layer.outputs), multiple: Tile.rows)
        // A band of the result must not reach inputs that are still to be read.
        for tokens in layer.outputs > layer.inputs ? cuts.reversed() : cuts {
            scoped {
                let source = Activation(
                    data: input.data + tokens.lowerBound * input.channels, images: 1, height: 1,
                    width: tokens.count, channels: input.channels)
                let result = linear(source, layer)
                copy(
                    result,
                    to: Activation(
                        data: out.data + tokens.lowerBound * out.channels, images: 1, height: 1,
                        width: tokens.count, channels: out.channels))
            }
        }
        return out
    }

    private func copy(_ source: Activation, to target: Activation) {
        profile?.begin(.elementwise("copy", target, passes: 2))
        defer { profile?.end() }
        forEachBlock(of: source.rows, operations: source.count) { rows in
            (target.data + rows.lowerBound * target.channels).update(
                from: source.data + rows.lowerBound * source.channels,
                count: rows.count * source.channels)
        }
    }
}

extension Activation {
    /// Rows of pixels of one image, in place.
    fileprivate func rows(_ range: Range<Int>, ofImage index: Int) -> Activation {
        Activation(
            data: image(index) + range.lowerBound * width * channels, images: 1,
            height: range.count, width: width, channels: channels)
    }
}
