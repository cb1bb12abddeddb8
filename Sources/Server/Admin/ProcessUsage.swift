internal import Glibc

/// What the process takes of the machine, as the kernel says.
struct ProcessUsage {
    /// User and system together.
    let cpuSeconds: Double
    let residentByteCount: Int
    let virtualByteCount: Int
    /// Nil where they cannot be counted.
    let openDescriptorCount: Int?
    let descriptorMaximum: Int

    init() {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        let pages = Self.pageCounts()
        let pageByteCount = sysconf(Int32(_SC_PAGESIZE))
        virtualByteCount = pages[0] * pageByteCount
        residentByteCount = pages[1] * pageByteCount
        openDescriptorCount = Self.openDescriptors()
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        descriptorMaximum = Int(clamping: limit.rlim_cur)
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    /// All and the resident ones; zeros where the system does not tell.
    private static func pageCounts() -> [Int] {
        guard let file = fopen("/proc/self/statm", "r") else { return [0, 0] }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return [0, 0] }
        let text = String(
            decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let numbers = text.split(separator: " ").prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? numbers : [0, 0]
    }

    private static func openDescriptors() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Itself, its parent, and the descriptor that looks.
        return max(0, count - 3)
    }
}
