internal import Glibc
internal import Tensors

/// Sinusoids of a number, as SDXL's UNet embeds timesteps and sizes: cosines, then sines, of
/// value * 10000^(-i / half). In float32, as diffusers' get_timestep_embedding has it
/// (flip_sin_to_cos, downscale_freq_shift 0): float64 would not be closer to the reference.
enum Sinusoids {
    /// Writes `width` floats; `width` is even.
    static func write(_ value: Float, width: Int, to out: UnsafeMutablePointer<Float>) {
        let half = width / 2
        for index in 0..<half {
            let exponent = -Float(9.210340371976184) * Float(index) / Float(half)
            let angle = value * exp(exponent)
            out[index] = cos(angle)
            out[half + index] = sin(angle)
        }
    }
}
