/// Builds the stored form of a state that changes from step to step: numbers one after the other,
/// little-endian, floats bit for bit. What reads it knows what comes.
public struct StateWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func write(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Their count, then the values.
    public mutating func write(_ values: [Float]) {
        write(UInt64(values.count))
        for value in values { write(value.bitPattern) }
    }

    /// Their count, then the bytes.
    public mutating func write(_ values: [UInt8]) {
        write(UInt64(values.count))
        bytes += values
    }
}

/// Takes apart what a ``StateWriter`` wrote, however little of it is left.
public struct StateReader: Sendable {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    public mutating func read<Value: FixedWidthInteger>(
        _ type: Value.Type
    ) throws(DamagedState) -> Value {
        let size = MemoryLayout<Value>.size
        let bytes = try take(size)
        var value = Value.zero
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes) }
        return Value(littleEndian: value)
    }

    public mutating func readIndex(in range: ClosedRange<Int>) throws(DamagedState) -> Int {
        let value = try read(Int64.self)
        guard let index = Int(exactly: value), range.contains(index) else {
            throw DamagedState("it holds \(value) where \(range) is expected")
        }
        return index
    }

    /// Exactly so many values.
    public mutating func readFloats(count: Int) throws(DamagedState) -> [Float] {
        try expect(count)
        let bytes = try take(count * MemoryLayout<Float>.size)
        return [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
            for index in buffer.indices {
                buffer[index] = Float(bitPattern: UInt32(littleEndian: buffer[index].bitPattern))
            }
            initializedCount = count
        }
    }

    /// At most so many.
    public mutating func readBytes(atMost maximum: Int) throws(DamagedState) -> [UInt8] {
        let count = try read(UInt64.self)
        guard count <= UInt64(maximum) else {
            throw DamagedState("it holds \(count) bytes where at most \(maximum) are expected")
        }
        return Array(try take(Int(count)))
    }

    /// - Throws: when there is more.
    public func finish() throws(DamagedState) {
        guard rest.isEmpty else { throw DamagedState("\(rest.count) bytes follow its end") }
    }

    private mutating func expect(_ count: Int) throws(DamagedState) {
        let found = try read(UInt64.self)
        guard found == UInt64(count) else {
            throw DamagedState("it holds \(found) values where \(count) are expected")
        }
    }

    private mutating func take(_ count: Int) throws(DamagedState) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw DamagedState("it is cut off") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

/// Bytes that are not the state that was expected; the description completes "the state is damaged:".
public struct DamagedState: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
