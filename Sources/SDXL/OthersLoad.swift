internal import Glibc

/// What other processes take of the machine's processors, from the moment it is made. Where they take
/// much, times say little.
struct OthersLoad {
    private let start = ContinuousClock.now
    private let secondsBefore = Self.seconds

    /// So far, 0...1 of all processors; 0 where the system does not say.
    var share: Double {
        let passed = start.duration(to: .now) / .seconds(1)
        let processors = Double(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        return min(max((Self.seconds - secondsBefore) / (passed * processors), 0), 1)
    }

    /// That all processors were busy since the system began, less this process' own.
    private static var seconds: Double {
        var own = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &own) == 0, let file = fopen("/proc/stat", "r") else {
            return 0
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        return busyTicks(line) / Double(sysconf(Int32(_SC_CLK_TCK)))
            - seconds(own.ru_utime) - seconds(own.ru_stime)
    }

    /// - Parameter line: the first of `/proc/stat`: `cpu` and the ticks of user, nice and system, then of
    ///   idling and others.
    static func busyTicks(_ line: [CChar]) -> Double {
        let words = String(
            decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self
        )
        .split(separator: " ")
        return words.dropFirst().prefix(3).compactMap { Double($0) }.reduce(0, +)
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }
}
