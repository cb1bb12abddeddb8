import Foundation
import TestSupport
import Testing
import Wire

@Suite("PROTOCOL.md")
struct ProtocolTextTests {
    static func text() throws -> String {
        try String(
            contentsOf: Repository.root.appending(path: "Proto/PROTOCOL.md"), encoding: .utf8)
    }

    @Test func `its bytes are the transcripts'`() throws {
        let quoted = try Self.text().split(separator: "\n")
            .map { $0.drop { $0 == " " } }
            .filter { $0.hasPrefix("> 00") || $0.hasPrefix("< 00") || $0.hasPrefix(">  ") }
        #expect(!quoted.isEmpty)
        let transcripts = try ["ping", "generate", "authenticate"].map { name in
            try String(
                contentsOf: Repository.root.appending(path: "Tests/Transcripts/\(name).txt"),
                encoding: .utf8)
        }.joined()
        for line in quoted { #expect(transcripts.contains(line), "\(line)") }
    }

    @Test(arguments: Method.allCases)
    func `it lists every method`(method: Method) throws {
        let row = "| `\(method.service)` | `\(method.name)` |"
        #expect(try Self.text().contains(row))
    }

    @Test func `it tells the limits as they are`() throws {
        let text = try Self.text()
        let limits = ServerConnectionState.Limits()
        #expect(text.contains("| \(limits.requestByteCount >> 10) KiB payload (`GetInfo` tells)"))
        #expect(text.contains("| open calls on a connection | \(limits.openStreamCount) |"))
        #expect(text.contains("at most \(limits.strayDataAnswersPerSecond) a second"))
        #expect(text.contains("| any frame | \(FrameHeader.payloadByteCountMaximum >> 20) MiB"))
    }
}
