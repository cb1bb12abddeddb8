import Foundation
import FuzzTargets
import TestSupport
import Testing

/// What fuzzing found, replayed: inputs that reach different code, and those that once went wrong.
@Suite("Fuzzing", .timeLimit(.minutes(15)))
struct CorpusTests {
    static let folder = Repository.root.appending(path: "Tests/Fuzzing/Corpora")

    static func inputs(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: target.rawValue), includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map {
            ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0)))
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `every input that was kept is taken or refused`(target: FuzzTarget) throws {
        let inputs = try Self.inputs(target)
        #expect(inputs.count >= 10, "the corpus of \(target) is not there")
        for (name, bytes) in inputs {
            #expect(throws: Never.self, "\(target)/\(name)") { try target.run(bytes) }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `so is what comes of it by cutting, changing, doubling and joining`(
        target: FuzzTarget
    ) throws {
        let inputs = try Self.inputs(target).map(\.bytes)
        var random = Draws(state: 7)
        for _ in 0..<1500 {
            var bytes = inputs[random.next(below: inputs.count)]
            for _ in 0...random.next(below: 4) where !bytes.isEmpty {
                let place = random.next(below: bytes.count)
                switch random.next(below: 5) {
                case 0: bytes.removeSubrange(place...)
                case 1: bytes[place] ^= 1 << UInt8(random.next(below: 8))
                case 2: bytes[place] = [0, 0x7F, 0x80, 0xFF][random.next(below: 4)]
                case 3: bytes.insert(contentsOf: bytes[place...].prefix(16), at: place)
                default: bytes += inputs[random.next(below: inputs.count)].prefix(64)
                }
            }
            #expect(throws: Never.self, "\(target): \(Data(bytes).base64EncodedString())") {
                try target.run(bytes)
            }
        }
    }
}
