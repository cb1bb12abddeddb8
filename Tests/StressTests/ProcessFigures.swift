import Foundation

/// What the system says of a process that runs.
struct ProcessFigures {
    var residentByteCount: Int
    var descriptorCount: Int
    /// Used so far, by all its threads.
    var computingSeconds: Double

    struct Gone: Error {}

    init(of processID: Int32) throws {
        let folder = "/proc/\(processID)"
        let memory = try String(contentsOfFile: "\(folder)/statm", encoding: .utf8)
            .split(separator: " ").compactMap { Int($0) }
        let status = try String(contentsOfFile: "\(folder)/stat", encoding: .utf8)
        // After the name, which is in brackets and may hold anything.
        let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
        guard memory.count > 1, fields.count > 12, let user = Double(fields[11]),
            let system = Double(fields[12])
        else { throw Gone() }
        residentByteCount = memory[1] * sysconf(Int32(_SC_PAGESIZE))
        descriptorCount = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd").count
        computingSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// The smallest, middle, 99th of a hundred, and largest of some durations, in milliseconds.
struct Latencies: CustomStringConvertible {
    private let sorted: [Double]

    init(_ durations: [Duration]) {
        sorted = durations.map { $0 / .milliseconds(1) }.sorted()
    }

    func percentile(_ share: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var description: String {
        [("p50", 0.5), ("p99", 0.99), ("max", 1)]
            .map { "\($0) \(String(format: "%.2f", percentile($1))) ms" }.joined(separator: ", ")
    }
}
