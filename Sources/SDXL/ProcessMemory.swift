internal import Glibc

/// What the system says of this process.
public enum ProcessMemory {
    /// Bytes of resident memory that belong to no file.
    public static var anonymousByteCount: Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            var kibibytes = 0
            let found = withUnsafeMutablePointer(to: &kibibytes) { pointer in
                withVaList([pointer]) { vsscanf(line, "RssAnon: %ld kB", $0) }
            }
            if found == 1 { return kibibytes << 10 }
        }
        return 0
    }
}
