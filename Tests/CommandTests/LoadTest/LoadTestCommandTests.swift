import Foundation
import ServerProcesses
import Testing

@testable import refinery

/// `refinery loadtest` as a person starts it: a process with its output and its exit code.
@Suite(.timeLimit(.minutes(5))) struct LoadTestCommandTests {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    static func run(_ arguments: [String]) async throws -> Outcome {
        let process = Process()
        process.executableURL = URL(filePath: ServerProcess.executablePath)
        process.arguments = ["loadtest"] + arguments
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                do {
                    try process.run()
                    // A few lines, which the pipe holds while the report is read.
                    let report = output.fileHandleForReading.readDataToEndOfFile()
                    let said = errors.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(
                        returning: Outcome(
                            status: process.terminationStatus,
                            output: String(decoding: report, as: UTF8.self),
                            errors: String(decoding: said, as: UTF8.self)))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    @Test func `prints its report as JSON alone, and writes the page beside it`() async throws {
        let folder = try ServerFolder()
        let page = "\(folder.path)/report.html"
        let outcome = try await Self.run(
            ["--json", "--html", page, "--clients", "2"] + LoadTestTests.small)
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        struct Document: Decodable {
            var met: Bool
            var sums: [String: Int]
        }
        let document = try JSONDecoder().decode(Document.self, from: Data(outcome.output.utf8))
        #expect(document.met && document.sums["started", default: 0] > 0)
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(html.hasPrefix("<!doctype html>") && html.hasSuffix("</html>\n"))
        #expect(html.contains("\(document.sums["finished"] ?? -1) finished"))
    }

    @Test func `a condition that is not met is the exit code 4, after the report`() async throws {
        let outcome = try await Self.run(LoadTestTests.small + ["--max-p50", "image=0.001ms"])
        #expect(outcome.status == 4)
        #expect(outcome.output.contains("started =") && outcome.output.contains("NOT MET  p50 of"))
        #expect(!outcome.output.contains("\u{1B}"), "there is no terminal to colour")
        #expect(
            outcome.errors == "refinery: 1 of the conditions above is not met\n",
            "\(outcome.errors)"
        )
    }

    @Test(arguments: [
        (["--server", "127.0.0.1:1"], 3 as Int32, "127.0.0.1:1"),
        (["--html", "/nowhere/report.html"], 2, "/nowhere"),
        (["--model", "no-such-model"], 2, "no-such-model"),
        (["--rate", "0"], 2, "--rate is 0"),
    ])
    func `what cannot be begun is told with its exit code`(
        arguments: [String], status: Int32, said: String
    ) async throws {
        let outcome = try await Self.run(arguments)
        #expect(outcome.status == status && outcome.output == "")
        #expect(outcome.errors.contains(said), "\(outcome.errors)")
    }
}
