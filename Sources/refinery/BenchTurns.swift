import FoundationEssentials
import Generation
import SDXL
import Tensors

/// One part, run once whenever a line comes: for whoever times several engines in turn.
///
///     once loaded and run     {"ready":true,"part":"base",...}
///     for an empty line       {"seconds":5.1}
///     for a line "ceiling"    {"ceilingGFLOPS":310.2}
///
/// Ends with its input. A line with any other word is an error.
struct BenchTurns {
    let run: WorkbenchRun
    let threads: Int
    /// Gets what the part takes and gives before the first turn; see ``WorkbenchRun/record()``.
    var save: ((Data) throws -> Void)?
    let readLine: () -> String?
    let write: (String) -> Void

    func serve() throws {
        let clock = ContinuousClock()
        let first = clock.measure { run.run() }
        try save?(run.record())
        answer([
            "ready": JSONText(true), "part": JSONText(run.part.rawValue),
            "width": JSONText(run.size.width), "height": JSONText(run.size.height),
            "images": JSONText(run.images), "threads": JSONText(threads),
            "operations": JSONText(run.operationCount),
            "firstSeconds": JSONText(first / .seconds(1)),
            "anonymousBytes": JSONText(ProcessMemory.anonymousByteCount),
        ])
        while let line = readLine() {
            switch line {
            case "": answer(["seconds": JSONText(clock.measure { run.run() } / .seconds(1))])
            case "ceiling":
                answer([
                    "ceilingGFLOPS": JSONText(try Ceilings.measureGFLOPS(threads: threads))
                ])
            default:
                throw UsageError(
                    "\"\(Wording.printable(line))\" is no turn: send an empty line or \"ceiling\".")
            }
        }
    }

    private func answer(_ members: KeyValuePairs<String, JSONText?>) {
        write(JSONText.object(members).text + "\n")
    }
}
