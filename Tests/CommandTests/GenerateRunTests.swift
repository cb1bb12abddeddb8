import FoundationEssentials
import Generation
import Testing

@testable import refinery

@Suite struct GenerateRunTests {
    /// Plays the same events for each request, then fails or ends.
    struct Script: PictureSource {
        var events: [Event]
        var error: GenerationError?

        func events(of request: GenerationRequest) -> AsyncThrowingStream<Event, any Error> {
            AsyncThrowingStream { continuation in
                for event in events { continuation.yield(event) }
                continuation.finish(throwing: error)
            }
        }

        func add(picture file: [UInt8]) -> String { "" }
        func models() -> [ModelDescription] { [] }
        func close() {}
    }

    /// Makes pictures in a folder of its own. Returns what was written, to the terminal and as files.
    static func run(
        _ script: Script, output: String = "cat.png", requests: Int = 1
    ) async throws -> (text: String, files: [String: [UInt8]], error: (any Error)?) {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        nonisolated(unsafe) var text = ""
        var failure: (any Error)?
        let files = try PictureFiles(
            output: folder.appending(path: output).path, count: requests * script.imageCount)
        var run = GenerateRun(source: script, rendering: PlainRendering(), files: files) {
            text += $0
        }
        do {
            try await run.make(Array(repeating: GenerationRequest(), count: requests))
        } catch {
            failure = error
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let contents = try names.map { name in
            (name, Array(try Data(contentsOf: folder.appending(path: name))))
        }
        return (text, Dictionary(uniqueKeysWithValues: contents), failure)
    }

    static let image = Sample.event(.image(Sample.image))

    @Test func `one picture has the name that was asked for`() async throws {
        let result = try await Self.run(Script(events: [Self.image]))
        #expect(result.files == ["cat.png": [1, 2, 3]])
        #expect(result.error == nil)
    }

    @Test(arguments: [
        ("cat.png", ["cat-1.png", "cat-2.png", "cat-3.png", "cat-4.png"]),
        ("cat", ["cat-1", "cat-2", "cat-3", "cat-4"]),
        (".cat", [".cat-1", ".cat-2", ".cat-3", ".cat-4"]),
        ("a.b.png", ["a.b-1.png", "a.b-2.png", "a.b-3.png", "a.b-4.png"]),
    ])
    func `several pictures are numbered across requests`(
        output: String, names: [String]
    ) async throws {
        let script = Script(events: [Self.image, Self.image])
        let result = try await Self.run(script, output: output, requests: 2)
        #expect(result.files.keys.sorted() == names)
    }

    @Test func `a failure is thrown on and later requests are not begun`() async throws {
        let error = GenerationError(.internal, code: "broken", "It broke.")
        let script = Script(events: [Self.image], error: error)
        let result = try await Self.run(script, requests: 2)
        #expect(result.error as? GenerationError == error)
        #expect(result.files.keys.sorted() == ["cat-1.png"])
    }

    @Test(arguments: ["missing/cat.png", "."])
    func `an output that cannot be written is refused before any work`(output: String) {
        #expect(throws: UsageError.self) {
            try PictureFiles(
                output: FileManager.default.temporaryDirectory.appending(path: output).path,
                count: 1)
        }
    }
}

extension GenerateRunTests.Script {
    fileprivate var imageCount: Int {
        events.count { if case .image = $0.content { true } else { false } }
    }
}
