import CKernels
import Testing

@testable import Tensors

struct CalibrationTests {
    @Test func `sgemm does not run on kernels for much older CPUs`() {
        let core = Calibration.coreName
        switch refinery_isa_available() {
        case refinery_isa_avx512:
            #expect(["SkylakeX", "Cooperlake", "SapphireRapids"].contains(core), "\(core)")
        case refinery_isa_avx2:
            #expect(["Haswell", "Zen", "SkylakeX", "Cooperlake"].contains(core), "\(core)")
        default:
            break
        }
        #expect(core != "Prescott" || refinery_isa_available() == refinery_isa_portable)
    }

    @Test func `the measured speed is a number that a CPU can have`() {
        let gflops = Calibration.measureGFLOPS()
        #expect(gflops > 0.1 && gflops < 100_000)
    }
}
