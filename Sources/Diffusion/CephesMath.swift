/// Float32 log, sin and cos by the polynomials of Moshier's Cephes library, with a multiplication and
/// an addition fused exactly where torch's AVX2 code (avx_mathfun) fuses them: any other way of
/// computing them gives other bits.
enum CephesMath {
    /// ln x for a normal x > 0; smaller values count as the smallest normal.
    static func log(_ value: Float) -> Float {
        let bits = max(value, .leastNormalMagnitude).bitPattern
        // x = mantissa * 2^exponent with the mantissa in [1/2, 1), then in [sqrt(1/2), sqrt(2)) - 1.
        var exponent = Float(Int32(bits >> 23) - 0x7F) + 1
        var x = Float(bitPattern: bits & 0x807F_FFFF | 0x3F00_0000)
        if x < 0.707106781186547524 {
            exponent -= 1
            x = x - 1 + x
        } else {
            x -= 1
        }
        let square = x * x
        var y = Float(7.0376836292E-2)
        y = fused(y, x, -1.1514610310E-1)
        y = fused(y, x, 1.1676998740E-1)
        y = fused(y, x, -1.2420140846E-1)
        y = fused(y, x, 1.4249322787E-1)
        y = fused(y, x, -1.6668057665E-1)
        y = fused(y, x, 2.0000714765E-1)
        y = fused(y, x, -2.4999993993E-1)
        y = fused(y, x, 3.3333331174E-1)
        y *= x
        // ln 2 is added in two parts, -2.12194440e-4 and 0.693359375.
        y = fused(y, square, exponent * -2.12194440e-4)
        y = fused(square, -0.5, y)
        return fused(exponent, 0.693359375, x + y)
    }

    /// sin x and cos x for 0 <= x < 2^13.
    static func sineAndCosine(_ value: Float) -> (sine: Float, cosine: Float) {
        // The octant, rounded up to even; pi/4 is subtracted in three parts.
        let octant = (Int32(value * 1.27323954473516) + 1) & ~1
        let y = Float(octant)
        var x = fused(y, -0.78515625, value)
        x = fused(y, -2.4187564849853515625e-4, x)
        x = fused(y, -3.77489497744594108e-8, x)
        let square = x * x

        var c = Float(2.443315711809948E-005)
        c = fused(c, square, -1.388731625493765E-003)
        c = fused(c, square, 4.166664568298827E-002)
        c *= square
        c = fused(c, square, -(square * 0.5)) + 1

        var s = Float(-1.9515295891E-4)
        s = fused(s, square, 8.3321608736E-3)
        s = fused(s, square, -1.6666654611E-1)
        s *= square
        s = fused(s, x, x)

        let (sine, cosine) = octant & 2 == 0 ? (s, c) : (c, s)
        return (
            octant & 4 != 0 ? -sine : sine,
            ~(octant - 2) & 4 != 0 ? -cosine : cosine
        )
    }

    /// a * b + c, rounded once.
    @inline(__always)
    private static func fused(_ a: Float, _ b: Float, _ c: Float) -> Float {
        c.addingProduct(a, b)
    }
}
