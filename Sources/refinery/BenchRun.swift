import Generation
import SDXL
import Tensors

/// Measures one thing after the other.
struct BenchRun {
    let bench: Workbench
    let items: [BenchOptions.Item]
    let threads: Int
    /// Of each, after the first.
    let laterRuns: Int
    let profiles: Bool

    /// - Parameter progress: is told what begins, and an empty text at the end.
    func report(progress: (String) -> Void) throws -> BenchReport {
        var report = BenchReport(
            base: bench.base.id, refiner: bench.refiner?.id, threads: threads,
            blasCore: Calibration.coreName, kernels: Calibration.kernelName)
        for item in items {
            progress("\(item.part.rawValue) \(item.size.width)x\(item.size.height) ...")
            // Its threads and memory are gone before the next.
            let run = try bench.prepare(
                item.part, size: item.size, images: item.images, threads: threads)
            let measurement = try run.measure(later: laterRuns) {
                report.ceilings.append(try Ceilings.measureGFLOPS(threads: threads))
            }
            report.rows.append(
                BenchReport.Row(
                    part: item.part, size: item.size, images: item.images,
                    operationCount: run.operationCount, measurement: measurement,
                    profile: profiles ? try profile(run, ceiling: report.ceiling) : nil))
        }
        progress("")
        return report
    }

    private func profile(_ run: WorkbenchRun, ceiling: Double?) throws -> ProfileReport {
        ProfileReport(
            run.profile(),
            ceilings: ProfileReport.Ceilings(
                gigaflops: ceiling ?? .nan,
                copyGigabytes: try Ceilings.measureCopyGigabytes(threads: threads)))
    }
}
