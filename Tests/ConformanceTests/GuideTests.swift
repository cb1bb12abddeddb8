import Foundation
import ServerProcesses
import Testing

/// The guide's Swift example is this file beside it, and runs.
@Suite(.timeLimit(.minutes(15)))
struct GuideTests {
    @Test func `the guide shows the example`() throws {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let example = try String(
            contentsOf: here.appending(path: "GuideExample.swift"), encoding: .utf8)
        let guide = try String(
            contentsOf: here.appending(path: "../../clients/README.md"), encoding: .utf8)
        #expect(guide.contains("```swift\n\(example)```"))
    }

    @Test func `the guide's example makes a picture`() async throws {
        let folder = try ServerFolder()
        let server = try await ServerProcess(folder, data: "data", flags: ServerProcess.checkpoints)
        defer { server.kill() }
        let file = URL(filePath: folder.path).appending(path: "fox.png")
        try await stream(from: server.address, to: file)
        #expect(try Data(contentsOf: file).starts(with: [0x89, 0x50, 0x4E, 0x47]))
    }
}
