internal import CKernels
internal import COpenBLAS
internal import Glibc

/// What the linear algebra library does on this machine.
public enum Calibration {
    /// The kernels OpenBLAS chose, such as `SkylakeX`.
    public static var coreName: String {
        String(cString: refinery_blas_core())
    }

    /// The instruction set of our own kernels on this CPU.
    public static var kernelName: String {
        switch refinery_isa_available() {
        case refinery_isa_avx512: "AVX-512"
        case refinery_isa_avx2: "AVX2"
        default: "portable"
        }
    }

    /// Billions of floating-point operations a second of one thread's sgemm, best of a few short
    /// runs (about 30 ms in all).
    public static func measureGFLOPS() -> Double {
        let side = 512
        let data = [Float](repeating: 1, count: side * side)
        var result = data
        var best = Double.infinity
        for _ in 0..<6 {
            let start = now()
            data.withUnsafeBufferPointer { data in
                result.withUnsafeMutableBufferPointer { result in
                    guard let a = data.baseAddress, let c = result.baseAddress else { return }
                    sgemm(
                        m: side, n: side, k: side, a: a, lda: side, b: a, ldb: side,
                        transposeB: true, c: c, ldc: side)
                }
            }
            best = min(best, now() - start)
        }
        return 2 * Double(side * side * side) / best / 1e9
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
