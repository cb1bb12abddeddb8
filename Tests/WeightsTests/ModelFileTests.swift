import Foundation
import Generation
import Tensors
import TestSupport
import Testing
import Weights

struct ModelFileTests {
    // MARK: Values

    /// Exact in all three types: whole multiples of 2^-24 with 8 significant bits, and -0.0.
    private static let values: [Float] = [0, -0.0, 1, -1.5, 0.0078125, 255, -0x1p-24, 0x1.fep-14]

    private static let forms: [(dtype: String, bytes: [UInt8])] = [
        ("F32", values.flatMap { SafetensorsBytes.littleEndian($0.bitPattern) }),
        ("F16", values.flatMap { SafetensorsBytes.littleEndian(Float16($0).bitPattern) }),
        (
            "BF16",
            values.flatMap { SafetensorsBytes.littleEndian(UInt16($0.bitPattern >> 16)) }
        ),
    ]

    @Test(arguments: forms.map(\.dtype))
    func `each type holds the same values`(_ dtype: String) throws {
        let form = try #require(Self.forms.first { $0.dtype == dtype })
        // A tensor of one byte before it puts the data at an odd address.
        let file = try ModelFile(
            name: "small",
            bytes: SafetensorsBytes.file([
                .init("before", "U8", [1]), .init("w", dtype, [2, 4], bytes: form.bytes),
            ]))
        let tensor = try file.tensor("w", shape: [2, 4])
        #expect(tensor.shape == [2, 4])
        #expect(tensor.elementCount == 8)
        #expect(widened(tensor).map(\.bitPattern) == Self.values.map(\.bitPattern))
        #expect(file.typeSummary == dtype)
        #expect(file.parameterCount == 8)
    }

    // MARK: Lookup

    private static let sample = SafetensorsBytes.file([
        .init("blocks.0.weight", "F16", [4, 3]), .init("blocks.1.weight", "F16", [4, 5]),
        .init("blocks.3.weight", "F16", [4, 3]), .init("blocks.10", "BF16", []),
        .init("empty", "F32", [0, 7]), .init("ids", "I64", [1, 77]),
    ])

    @Test func `a tensor is had by name and shape`() throws {
        let file = try ModelFile(name: "sample", bytes: Self.sample)
        #expect(try file.tensor("blocks.0.weight", shape: [4, 3]).dtype == .float16)
        #expect(try file.tensor("blocks.1.weight", shape: [4, nil]).shape == [4, 5])
        #expect(try file.tensor("blocks.10", shape: []).elementCount == 1)
        #expect(try file.tensor("empty", shape: [nil, nil]).elementCount == 0)
        #expect(file.shape(of: "ids") == [1, 77])
        #expect(file.shape(of: "id") == nil)
        #expect(file.elementType(of: "ids") == .int64)
    }

    @Test func `a tensor that is not as needed is an error with both shapes`() throws {
        let file = try ModelFile(name: "sample", bytes: Self.sample)
        func expect(
            _ name: String, _ shape: [Int?], _ reason: ModelFileError.Reason, words: String
        ) {
            let error = #expect(throws: ModelFileError.self) {
                try file.tensor(name, shape: shape)
            }
            #expect(error == ModelFileError(file: "sample", tensor: name, reason))
            #expect(error?.description == "sample, tensor \"\(name)\": \(words)")
        }
        expect("nothing", [1], .missingTensor, words: "is not in the file")
        expect(
            "blocks.0.weight", [4, 4], .wrongShape(found: [4, 3], wanted: [4, 4]),
            words: "has the shape [4, 3], where [4, 4] is needed")
        expect(
            "blocks.0.weight", [4, nil, 1], .wrongShape(found: [4, 3], wanted: [4, nil, 1]),
            words: "has the shape [4, 3], where [4, any, 1] is needed")
        expect(
            "blocks.10", [1], .wrongShape(found: [], wanted: [1]),
            words: "has the shape [], where [1] is needed")
        expect(
            "ids", [1, 77], .unsupportedElementType(.int64),
            words: "is I64; weights are F32, F16 or BF16. Convert the file to one of these")
    }

    @Test func `names are found by prefix`() throws {
        let file = try ModelFile(name: "sample", bytes: Self.sample)
        #expect(file.names(under: "blocks.1") == ["blocks.1.weight", "blocks.10"])
        #expect(file.names(under: "").count == 6)
        #expect(file.names(under: "zzz").isEmpty)
        #expect(file.names(under: "blocks.9").isEmpty)
        #expect(file.contains(prefix: "em") && !file.contains(prefix: "en"))
        // The second is the last: 2 is missing, and "blocks.10" has no dot after it.
        #expect(file.partCount(under: "blocks.") == 2)
    }

    @Test func `a file without tensors is sound`() throws {
        let file = try ModelFile(name: "bare", bytes: SafetensorsBytes.file(header: "{}  \n"))
        #expect(file.tensorNames.isEmpty)
        #expect(file.parameterCount == 0)
        #expect(file.typeSummary.isEmpty)
    }

    @Test func `escapes and characters of all lengths are read`() throws {
        let header =
            #" { "__metadata__" : { "\"\\\/\b\f\n\r\t" : "\u00e9\ud83d\udc31 猫🐱" } , "#
            + #""\u0061é" : { "data_offsets" : [ 0 , 1 ] , "shape" : [ ] , "dtype" : "U8" } } "#
        let file = try ModelFile(
            name: "escapes", bytes: SafetensorsBytes.file(header: header, data: [7]))
        #expect(file.metadata == ["\"\\/\u{8}\u{C}\n\r\t": "é🐱 猫🐱"])
        #expect(file.tensorNames == ["aé"])
    }

    @Test func `types are summed up by share`() throws {
        let file = try ModelFile(
            name: "mixed",
            bytes: SafetensorsBytes.file([
                .init("a", "F32", [300]), .init("b", "F16", [600]), .init("c", "BF16", [2]),
                .init("d", "I64", [5000]),
            ]))
        #expect(file.typeSummary == "F16 + F32")
        #expect(file.parameterCount == 902)
    }

    @Test func `a tensor outlives its file`() throws {
        var file: ModelFile? = try ModelFile(
            name: "short-lived",
            bytes: SafetensorsBytes.file([.init("w", "F32", [1], bytes: [0, 0, 128, 63])]))
        let tensor = try #require(try file?.tensor("w", shape: [1]))
        file = nil
        #expect(widened(tensor) == [1])
    }

    // MARK: Files

    @Test func `a file is mapped under its own name`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/mapped.safetensors"
            try Data(Self.sample).write(to: URL(fileURLWithPath: path))
            let file = try ModelFile(path: path)
            #expect(file.name == "mapped.safetensors")
            #expect(file.byteCount == Self.sample.count)
            #expect(try file.tensor("blocks.0.weight", shape: [4, 3]).elementCount == 12)
            // Replacing the file by renaming, as advised, leaves the mapping as it was.
            try Data("other".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            #expect(file.withBytes(of: "ids") { $0.allSatisfy { $0 == 0 } } == true)
        }
    }

    @Test func `what is no file is refused without waiting`() throws {
        try withTemporaryDirectory { directory in
            func reason(_ name: String) -> ModelFileError.Reason? {
                #expect(throws: ModelFileError.self) {
                    try ModelFile(path: directory + name)
                }?.reason
            }
            try Data().write(to: URL(fileURLWithPath: directory + "/empty"))
            #expect(mkfifo(directory + "/pipe", 0o600) == 0)
            #expect(reason("/none") == .unreadable("No such file or directory"))
            #expect(reason("/empty") == .tooShort(byteCount: 0))
            #expect(reason("/pipe") == .notARegularFile)
            #expect(reason("/") == .notARegularFile)
        }
    }

    // MARK: The built-in models

    @Test(arguments: ["base", "refiner"])
    func `every tensor of a tiny model has its published digest`(_ model: String) throws {
        let file = try ModelFile(
            path: Repository.models.appending(path: "tiny-\(model).safetensors").path)
        let json = try JSONSerialization.jsonObject(with: Repository.reference("tensors.json"))
        let listed = try #require((json as? [String: Any])?[model] as? [String: Any])
        let tensors = try #require(listed["tensors"] as? [String: [Any]])
        #expect(file.tensorNames == tensors.keys.sorted())
        for (name, entry) in tensors {
            #expect(entry.first as? [Int] == file.shape(of: name), "\(name)")
            #expect(entry.last as? String == (try digest(name, of: file)), "\(name)")
        }
        let parameters = try #require(listed["parameters"] as? [String: Int])
        // `logit_scale` belongs to no network, once per OpenCLIP encoder.
        #expect(file.parameterCount == parameters.values.reduce(1, +))
        #expect(file.typeSummary == "F16")
    }

    /// The first 16 hexadecimal digits of SHA-256 of the values as little-endian float32, of indices
    /// as they are.
    private func digest(_ name: String, of file: ModelFile) throws -> String {
        let digest: [UInt8]
        if file.elementType(of: name) == .int64 {
            digest = try #require(file.withBytes(of: name) { SHA256.digest(of: $0) })
        } else {
            let shape = try #require(file.shape(of: name))
            digest = widened(try file.tensor(name, shape: shape)).withUnsafeBytes {
                SHA256.digest(of: $0)
            }
        }
        return digest.prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    // MARK: Helpers

    private static let halves = (UInt16.min...UInt16.max).map { Float(halfBits: $0) }
    private static let brains = (UInt16.min...UInt16.max).map {
        Float(bitPattern: UInt32($0) << 16)
    }

    /// A plain loop over plain memory: debug builds widen millions of values with it.
    private func widened(_ tensor: WeightTensor) -> [Float] {
        let count = tensor.elementCount
        guard tensor.dtype != .float32 else { return copied(tensor.bytes, count) }
        let table = tensor.dtype == .float16 ? Self.halves : Self.brains
        return [Float](unsafeUninitializedCapacity: count) { values, initialized in
            let bits: [UInt16] = copied(tensor.bytes, count)
            bits.withUnsafeBufferPointer { bits in
                table.withUnsafeBufferPointer { table in
                    var index = 0
                    while index < count {
                        values[index] = table[Int(bits[index])]
                        index += 1
                    }
                }
            }
            initialized = count
        }
    }

    private func copied<Element: BitwiseCopyable>(
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> [Element] {
        [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(
                from: UnsafeRawBufferPointer(
                    start: bytes, count: count * MemoryLayout<Element>.size))
            initialized = count
        }
    }
}
