public import Foundation

/// The tensors of one `.safetensors` file below `Tests/References`: vectors made with diffusers.
///
/// A plain reader for files we wrote ourselves, apart from `Weights` so that the two can be checked
/// against each other.
public struct ReferenceTensors: Sendable {
    private struct Entry {
        var dtype: String
        var shape: [Int]
        var bytes: Range<Int>
    }

    private let path: String
    private let data: Data
    private let entries: [String: Entry]

    /// - Parameter path: below `Tests/References`, such as `modules.safetensors`.
    public init(_ path: String) throws {
        try self.init(file: Repository.reference(path), named: path)
    }

    /// - Parameter path: to be named in errors.
    public init(file data: Data, named path: String) throws {
        let headerByteCount = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(
            with: data.dropFirst(8).prefix(headerByteCount))
        var entries: [String: Entry] = [:]
        for (name, value) in header as? [String: [String: Any]] ?? [:] {
            guard let dtype = value["dtype"] as? String, let shape = value["shape"] as? [Int],
                let offsets = value["data_offsets"] as? [Int]
            else { continue }
            let start = 8 + headerByteCount
            entries[name] = Entry(
                dtype: dtype, shape: shape, bytes: start + offsets[0]..<start + offsets[1])
        }
        self.path = path
        self.data = data
        self.entries = entries
    }

    public var names: [String] { entries.keys.sorted() }

    public func shape(_ name: String) throws -> [Int] { try entry(name).shape }

    /// F32, F64, F16 and BF16 tensors.
    public func float32(_ name: String) throws -> [Float] {
        let entry = try entry(name)
        return switch entry.dtype {
        case "F32": elements(entry)
        case "F64": (elements(entry) as [Double]).map(Float.init)
        case "F16": (elements(entry) as [UInt16]).map { Float(halfBits: $0) }
        case "BF16":
            (elements(entry) as [UInt16]).map { Float(bitPattern: UInt32($0) << 16) }
        default: throw wrongType(name, entry, wanted: "a floating-point tensor")
        }
    }

    /// F64 and F32 tensors.
    public func float64(_ name: String) throws -> [Double] {
        let entry = try entry(name)
        return switch entry.dtype {
        case "F64": elements(entry)
        case "F32": (elements(entry) as [Float]).map(Double.init)
        default: throw wrongType(name, entry, wanted: "F64 or F32")
        }
    }

    /// I32 and I64 tensors; a value outside int32's range traps.
    public func int32(_ name: String) throws -> [Int32] {
        let entry = try entry(name)
        return switch entry.dtype {
        case "I32": elements(entry)
        case "I64": (elements(entry) as [Int64]).map { Int32($0) }
        default: throw wrongType(name, entry, wanted: "I32 or I64")
        }
    }

    /// U8 tensors.
    public func bytes(_ name: String) throws -> [UInt8] {
        let entry = try entry(name)
        guard entry.dtype == "U8" else { throw wrongType(name, entry, wanted: "U8") }
        return elements(entry)
    }

    private func entry(_ name: String) throws -> Entry {
        guard let entry = entries[name] else {
            throw ReferenceError("\(path) has no tensor \"\(name)\"; it has \(names)")
        }
        return entry
    }

    private func elements<Element: BitwiseCopyable>(_ entry: Entry) -> [Element] {
        let count = entry.bytes.count / MemoryLayout<Element>.stride
        return [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            _ = data.copyBytes(to: UnsafeMutableRawBufferPointer(buffer), from: entry.bytes)
            initialized = count
        }
    }

    private func wrongType(_ name: String, _ entry: Entry, wanted: String) -> ReferenceError {
        ReferenceError("tensor \"\(name)\" of \(path) is \(entry.dtype), not \(wanted)")
    }
}

/// A reference file lacks what a test asked of it.
public struct ReferenceError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension Float {
    /// Widens IEEE 754 binary16 exactly, subnormals, infinities and NaN too.
    public init(halfBits bits: UInt16) {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10 & 0x1F)
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0:
            let magnitude = Float(fraction) * 0x1p-24
            self = Float(bitPattern: sign | magnitude.bitPattern)
        case 0x1F:
            self = Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default:
            self = Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }
}

/// |actual - expected| / |expected| in the Euclidean norm, in double precision: the measure of
/// `tolerances.md`. Infinite when the counts differ; NaN when either holds one.
public func relativeL2(_ actual: [Float], _ expected: [Float]) -> Double {
    relativeL2(actual.map(Double.init), expected.map(Double.init))
}

/// As above.
public func relativeL2(_ actual: [Double], _ expected: [Double]) -> Double {
    guard actual.count == expected.count else { return .infinity }
    var difference = 0.0
    var norm = 0.0
    for (a, e) in zip(actual, expected) {
        difference += (a - e) * (a - e)
        norm += e * e
    }
    if norm == 0 { return difference == 0 ? 0 : .infinity }
    return (difference / norm).squareRoot()
}
