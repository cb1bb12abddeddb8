import Glibc

/// What the C side of the fuzzer calls; the target is chosen once, by name.
nonisolated(unsafe) private var chosen: FuzzTarget?

/// - Returns: 0, or 1 when there is no target of that name.
@_cdecl("refinery_fuzz_choose")
public func choose(_ name: UnsafePointer<CChar>) -> Int32 {
    chosen = FuzzTarget(rawValue: String(cString: name))
    return chosen == nil ? 1 : 0
}

/// Ends the program on a violation, as libFuzzer expects of a finding.
@_cdecl("refinery_fuzz_run")
public func run(_ bytes: UnsafePointer<UInt8>?, _ count: Int) {
    do {
        try chosen?.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        print("VIOLATION: \(error)")
        abort()
    }
}
