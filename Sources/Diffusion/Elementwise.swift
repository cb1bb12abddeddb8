/// What samplers do to latents. Factors are worked out in float64, since diffusers' float32 loses digits
/// where steps are tiny (1e-4 of the latents with UniPC 3M and beta spacing), and applied in float32.
extension [Float] {
    /// self = scale * self + factor * other; both of the same count.
    mutating func combine(_ scale: Double, plus factor: Double, _ other: Span<Float>) {
        precondition(count == other.count)
        let (scale, factor) = (Float(scale), Float(factor))
        var values = mutableSpan
        for i in values.indices {
            values[i] = scale * values[i] + factor * other[i]
        }
    }

    mutating func combine(_ scale: Double, plus factor: Double, _ other: [Float]) {
        combine(scale, plus: factor, other.span)
    }

    /// self += factor * other; both of the same count.
    mutating func add(_ factor: Double, _ other: Span<Float>) {
        combine(1, plus: factor, other)
    }

    mutating func add(_ factor: Double, _ other: [Float]) {
        combine(1, plus: factor, other.span)
    }

    /// self *= factor.
    mutating func scale(_ factor: Double) {
        let factor = Float(factor)
        var values = mutableSpan
        for i in values.indices {
            values[i] *= factor
        }
    }

    /// self = (latents - sigma * prediction) / alpha: the picture that a noise prediction implies.
    mutating func setPicture(_ latents: [Float], _ prediction: Span<Float>, at level: NoiseLevel) {
        copy(latents)
        combine(1 / level.alpha, plus: -level.sigma / level.alpha, prediction)
    }

    /// self = other, in place.
    mutating func copy(_ other: Span<Float>) {
        precondition(count == other.count)
        var values = mutableSpan
        for i in values.indices {
            values[i] = other[i]
        }
    }

    mutating func copy(_ other: [Float]) {
        copy(other.span)
    }
}
