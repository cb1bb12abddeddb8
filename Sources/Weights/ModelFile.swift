public import Tensors

/// A `.safetensors` file, or the shards of one: named, checked tensors, in place.
///
/// Opening reads the header only. The file is taken for hostile: whatever it holds, the outcome is a
/// usable file or a ``ModelFileError``. Immutable, so all threads may share it; the mapping lives
/// until the file and every tensor from it are gone. Start reading at ``tensor(_:shape:)``. Whoever
/// computes with the tensors calls ``checkUnchanged()`` before trusting the outcome.
public final class ModelFile: Sendable {
    /// The file's name without its folder, as errors show it.
    public let name: String
    /// The `__metadata__` of the header.
    public let metadata: [String: String]
    /// In ascending order.
    public let tensorNames: [String]
    /// Of the whole file, or of all shards together.
    public let byteCount: Int
    private let places: [String: Place]
    /// Each file by its name.
    private let memories: [(name: String, memory: ModelMemory)]

    private struct Place {
        var entry: SafetensorsHeader.Entry
        var memory: ModelMemory
    }

    /// Opens and maps a file.
    ///
    /// - Parameter name: in messages; its own name unless given.
    public convenience init(path: String, name: String? = nil) throws(ModelFileError) {
        let name = name ?? path.split(separator: "/").last.map(String.init) ?? path
        try self.init(name: name, ModelMemory.mapped(path: path, name: name))
    }

    /// Takes a file that is in memory.
    ///
    /// - Parameter start: bytes that stay as they are as long as the program runs; nothing is copied.
    public convenience init(
        name: String, permanent start: UnsafeRawPointer, byteCount: Int
    ) throws(ModelFileError) {
        try self.init(name: name, .lent(start, byteCount: byteCount))
    }

    /// Takes a copy of a file's bytes.
    public convenience init(name: String, bytes: [UInt8]) throws(ModelFileError) {
        try self.init(name: name, .copied(bytes))
    }

    private init(name: String, _ memory: ModelMemory) throws(ModelFileError) {
        let header = try SafetensorsHeader(memory.bytes, file: name)
        self.name = name
        metadata = header.metadata
        byteCount = memory.byteCount
        memories = [(name, memory)]
        places = header.tensors.mapValues { Place(entry: $0, memory: memory) }
        tensorNames = header.tensors.keys.sorted()
    }

    /// Takes the tensors of several files as those of one; the metadata is the first one's.
    ///
    /// - Parameter name: of the whole, for messages.
    public init(name: String, shards: [ModelFile]) throws(ModelFileError) {
        var places: [String: Place] = [:]
        for shard in shards {
            for (tensor, place) in shard.places {
                guard places.updateValue(place, forKey: tensor) == nil else {
                    throw ModelFileError(file: shard.name, tensor: tensor, .duplicateName)
                }
            }
        }
        self.name = name
        metadata = shards.first?.metadata ?? [:]
        byteCount = shards.reduce(0) { $0 + $1.byteCount }
        self.places = places
        memories = shards.flatMap(\.memories)
        tensorNames = places.keys.sorted()
    }

    /// Checks that the tensors are still those of the file as it was opened. What was read from them
    /// before a check that fails may be anything; no read ends the program. Asks the file system.
    public func checkUnchanged() throws(ModelFileError) {
        for (name, memory) in memories {
            if let change = memory.change { throw ModelFileError(file: name, change) }
        }
    }

    /// A tensor to compute with: F32, F16 or BF16.
    ///
    /// - Parameter shape: what it must be; a nil stands for any length.
    public func tensor(
        _ name: String, shape: [Int?]
    ) throws(ModelFileError) -> WeightTensor {
        guard let place = places[name] else { throw error(name, .missingTensor) }
        let entry = place.entry
        guard entry.shape.count == shape.count,
            zip(entry.shape, shape).allSatisfy({ $1 == nil || $0 == $1 })
        else { throw error(name, .wrongShape(found: entry.shape, wanted: shape)) }
        let type: WeightTensor.DType
        switch entry.type {
        case .float32: type = .float32
        case .float16: type = .float16
        case .bfloat16: type = .bfloat16
        default: throw error(name, .unsupportedElementType(entry.type))
        }
        return WeightTensor(
            name: name, dtype: type, shape: entry.shape,
            bytes: place.memory.start + entry.bytes.lowerBound, owner: place.memory)
    }

    /// Has the system read where these tensors begin, all at once and without waiting: from a cold disk
    /// many small reads then take the time of one.
    public func prefetchBeginnings(of names: some Sequence<String>) {
        for name in names {
            guard let place = places[name] else { continue }
            place.memory.prefetch(at: place.entry.bytes.lowerBound)
        }
    }

    public func contains(_ name: String) -> Bool { places[name] != nil }

    /// Nil where there is no such tensor. A scalar's is empty.
    public func shape(of name: String) -> [Int]? { places[name]?.entry.shape }

    public func elementType(of name: String) -> ElementType? { places[name]?.entry.type }

    /// The bytes of any tensor, of whatever type, valid while `body` runs; nil where there is none.
    public func withBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        guard let place = places[name] else { return nil }
        return try withExtendedLifetime(place.memory) {
            try body(UnsafeRawBufferPointer(rebasing: place.memory.bytes[place.entry.bytes]))
        }
    }

    /// The names that begin with `prefix`, in ascending order.
    public func names(under prefix: String) -> ArraySlice<String> {
        let start = firstIndex { $0 >= prefix }
        return tensorNames[start...].prefix { $0.hasPrefix(prefix) }
    }

    public func contains(prefix: String) -> Bool { !names(under: prefix).isEmpty }

    /// How many numbered parts there are below a prefix: `prefix + "0."`, `prefix + "1."`, ... up to
    /// the first that is missing.
    public func partCount(under prefix: String) -> Int {
        var count = 0
        while contains(prefix: "\(prefix)\(count).") { count += 1 }
        return count
    }

    /// Elements of all floating-point tensors.
    public var parameterCount: Int {
        parameterCounts.values.reduce(0, +)
    }

    /// The types of the parameters, the commonest first, such as `F16` or `F16 + F32`. Types that
    /// make up less than a hundredth are left out; empty without parameters.
    public var typeSummary: String {
        let total = parameterCount
        return parameterCounts.filter { $0.value > 0 && $0.value >= total / 100 }
            .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map(\.key.rawValue).joined(separator: " + ")
    }

    private var parameterCounts: [ElementType: Int] {
        places.values.reduce(into: [:]) { counts, place in
            let entry = place.entry
            // All fit their files, so their sum fits an Int.
            if entry.type.isFloatingPoint { counts[entry.type, default: 0] += entry.elementCount }
        }
    }

    private func firstIndex(where isPastStart: (String) -> Bool) -> Int {
        var low = 0
        var high = tensorNames.count
        while low < high {
            let middle = low + (high - low) / 2
            if isPastStart(tensorNames[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func error(_ tensor: String, _ reason: ModelFileError.Reason) -> ModelFileError {
        ModelFileError(file: name, tensor: tensor, reason)
    }
}
