import Generation
import SDXL

/// What `refinery bench` found: the machine, its ceilings, and each part's times and memory.
struct BenchReport {
    struct Row {
        var part: Workbench.Part
        var size: ImageSize
        var images: Int
        var operationCount: Int
        var measurement: WorkbenchMeasurement
        var profile: ProfileReport?
    }

    var base: String
    var refiner: String?
    var threads: Int
    var blasCore: String
    var kernels: String
    /// Billions of floating-point operations a second, one before each run.
    var ceilings: [Double] = []
    var rows: [Row] = []

    /// Nil before anything was measured.
    var ceiling: Double? { ceilings.isEmpty ? nil : Self.median(ceilings) }

    /// - Precondition: there is one at least.
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let half = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
    }
}

extension BenchReport.Row {
    var firstSeconds: Double { measurement.first / .seconds(1) }

    /// Of the later runs, or of the first where there are no others.
    var seconds: [Double] {
        (measurement.later.isEmpty ? [measurement.first] : measurement.later).map {
            $0 / .seconds(1)
        }
    }

    var medianSeconds: Double { BenchReport.median(seconds) }

    /// Billions of nominal operations a second. Shortcuts such as Winograd's count as what they save,
    /// so this may exceed the ceiling.
    var gigaflops: Double { Double(operationCount) / medianSeconds / 1e9 }
}
