internal import Glibc

/// How the machine stands for memory at a moment.
public struct MemoryReading: Equatable, Sendable {
    /// What this process may take at most: the machine's memory, or its control group's limit.
    public var limitByteCount: Int
    /// What can still be taken without swapping; files that are mapped count as free.
    public var availableByteCount: Int
    /// Of the last ten seconds, the part in which every process waited for memory, 0...1.
    public var stalledShare: Double

    public init(limitByteCount: Int, availableByteCount: Int, stalledShare: Double = 0) {
        self.limitByteCount = limitByteCount
        self.availableByteCount = availableByteCount
        self.stalledShare = stalledShare
    }

    /// Less than a tenth of the memory is left, or the machine waits for it a tenth of the time.
    public var isTight: Bool {
        availableByteCount < limitByteCount / 10 || stalledShare > 0.1
    }
}

/// What Linux says of memory: `/proc/meminfo`, the control groups (version 2) that this process is in, and
/// pressure stall information where the kernel keeps it.
public enum MachineMemory {
    /// Nil where the system does not say. Reads a few small files of the kernel's: some 50 microseconds.
    public static func read() -> MemoryReading? {
        guard let machine = contents(of: "/proc/meminfo"),
            let total = number(after: "MemTotal:", in: machine),
            let available = number(after: "MemAvailable:", in: machine)
        else { return nil }
        var reading = MemoryReading(
            limitByteCount: total << 10, availableByteCount: available << 10)
        for group in groups {
            guard let limit = contents(of: group + "/memory.max").flatMap({ Int(trimmed($0)) }),
                let used = contents(of: group + "/memory.current").flatMap({ Int(trimmed($0)) }),
                let files = number(
                    after: "file ", in: contents(of: group + "/memory.stat") ?? "")
            else { continue }
            reading.limitByteCount = min(reading.limitByteCount, limit)
            reading.availableByteCount = min(
                reading.availableByteCount, max(0, limit - max(0, used - files)))
        }
        if let pressure = contents(of: "/proc/pressure/memory"),
            let line = pressure.split(separator: "\n").first(where: { $0.hasPrefix("full ") }),
            let field = line.split(separator: " ").first(where: { $0.hasPrefix("avg10=") }),
            let percent = Double(field.dropFirst("avg10=".count))
        {
            reading.stalledShare = percent / 100
        }
        return reading
    }

    /// This process's control group and those around it.
    private static var groups: [String] {
        guard
            let line = contents(of: "/proc/self/cgroup")?.split(separator: "\n")
                .first(where: { $0.hasPrefix("0::/") })
        else { return [] }
        var groups = ["/sys/fs/cgroup"]
        for part in line.dropFirst("0::/".count).split(separator: "/") {
            groups.append("\(groups[groups.count - 1])/\(part)")
        }
        return groups
    }

    /// The first whole number after a key at the start of a line.
    static func number(after key: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(key) {
            let rest = line.dropFirst(key.count).drop { $0 == " " }
            return Int(rest.prefix { $0.isNumber })
        }
        return nil
    }

    private static func trimmed(_ text: String) -> Substring {
        text.prefix { $0 != "\n" }
    }

    /// Of a small file; nil where there is none.
    private static func contents(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
