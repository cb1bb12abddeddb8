import ArgumentParser
import Dispatch
import Generation
import Glibc
import Logging
import TestSupport
import Testing

@testable import Jobs
@testable import refinery

@Suite struct `A configuration file` {
    static let flags = ConfigurationFile.flags

    private func file(_ text: String) throws -> ConfigurationFile {
        try ConfigurationFile(text, source: "f", flags: Self.flags)
    }

    @Test func `knows every flag of serve, whether it takes a value or not`() {
        let values = [
            "listen", "models", "threads", "lanes", "data", "keep-days", "tokens", "admin",
        ]
        #expect(Self.flags.filter(\.takesValue).map(\.name).filter(values.contains) == values)
        #expect(Self.flags.contains(.init(name: "log-prompts", takesValue: false)))
        #expect(!Self.flags.contains { ["config", "help", "version"].contains($0.name) })
    }

    @Test func `stands for the flags that the command line leaves out`() throws {
        let file = try file(
            """
            # Comment
            listen = 127.0.0.1:1
              listen=unix:/tmp/a = b\r
            log-prompts = yes
            check = no
            lanes = 2

            """)
        #expect(
            file.arguments(besides: ["--models", "m"]) == [
                "--listen=127.0.0.1:1", "--listen=unix:/tmp/a = b", "--log-prompts", "--lanes=2",
            ])
        #expect(
            file.arguments(besides: ["--listen=x", "--lanes", "3"]) == ["--log-prompts"])
    }

    @Test(arguments: [
        ("lisen = x", "line 1: there is no \"lisen\". Did you mean listen?"),
        ("\nlisten", "line 2: there is no ="), ("lanes =", "lanes has no value"),
        ("log-prompts = 1", "log-prompts is yes or no"), ("config = x", "there is no \"config\""),
        ("--lanes = 1", "Did you mean lanes?"), ("[serve]", "there is no ="),
    ])
    func `with a mistake is refused with its line`(text: String, said: String) {
        let error = #expect(throws: UsageError.self) { try file(text) }
        #expect(error?.description.contains(said) == true, "\(error?.description ?? "")")
    }

    @Test func `is found on the command line, which wins`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/refinery.conf"
            try Files.write(Array("lanes = 2\nkeep-days = 3\n".utf8), to: path)
            for arguments in [["--config", path], ["--config=\(path)"]] {
                let expanded = try ConfigurationFile.expand(
                    ["serve", "--lanes", "4"] + arguments)
                let command = try #require(try Refinery.parseAsRoot(expanded) as? ServeCommand)
                #expect(command.lanes.given == 4 && command.keeping.keepDays == 3)
            }
            #expect(try ConfigurationFile.expand(["jobs", "--config", path]).count == 3)
            #expect(throws: FileError.self) {
                try ConfigurationFile.expand(["serve", "--config", "\(directory)/none"])
            }
        }
    }
}

@Suite struct `A line of the log` {
    private func line(
        _ format: LogFormat, _ message: String, _ pairs: [(String, String)] = [],
        isForJournal: Bool = false
    ) -> String {
        LogLines(format, level: .info, isForJournal: isForJournal, writer: LogWriter { _ in })
            .line(.warning, message, pairs, at: "T")
    }

    @Test func `is text for people`() {
        #expect(
            line(.text, "job failed", [("id", "fox"), ("reason", "too \"big\""), ("x", "")])
                == #"T warning job failed id=fox reason="too \"big\"" x="""#)
        #expect(line(.text, "m", isForJournal: true) == "<4>warning m")
    }

    @Test func `is JSON for programs`() throws {
        let text = line(.json, "job \"failed\"\n", [("id", "é😀\\\u{7F}")])
        #expect(
            text
                == #"{"time":"T","level":"warning","message":"job \"failed\"\u000a","id":"\u00e9\ud83d\ude00\\\u007f"}"#
        )
    }

    @Test(arguments: LogFormat.allCases)
    func `stays one, whatever foreign text is in it`(format: LogFormat) {
        let hostile = "a\n2026 error forged\r\u{1B}[2J\u{2028}\u{9B}"
        let text = line(format, hostile, [("id", hostile)])
        for scalar in text.unicodeScalars {
            #expect(scalar.properties.generalCategory != .control)
            #expect(scalar != "\u{2028}")
        }
    }

    @Test func `has its time in UTC`() {
        #expect(
            Timestamp.text(seconds: 951_782_399, milliseconds: 7) == "2000-02-28T23:59:59.007Z")
    }

    @Test(arguments: [
        (nil, "info job finished"),
        (GenerationError(.cancelled, code: "c", "m"), "info job cancelled"),
        (GenerationError(.deadlineExceeded, code: "timeout", "m"), "warning job failed"),
        (GenerationError(.internal, code: "c", "m"), "error job failed"),
        (GenerationError(.unavailable, code: "c", "m"), "notice job left by the server's stop"),
    ])
    func `tells how a job ended, as loudly as it matters`(
        error: GenerationError?, expected: String
    ) {
        let plan = GenerationPlan(
            model: "base", refinerModel: "refiner", size: ImageSize(height: 64, width: 128),
            seeds: [1], scheduler: "", spacing: "", timesteps: [], sigmas: [], baseSteps: 3,
            refinerSteps: 1, handoff: nil, advice: [])
        var job = JobDescription(
            id: "fox", state: JobState(ending: error), plan: plan, createdMilliseconds: 0,
            sequence: 1)
        job.error = error
        let lines = Lines()
        let writer = LogWriter { lines.add($0) }
        let logger = Logger(label: "test") { _ in
            LogLines(.text, level: .info, isForJournal: true, writer: writer)
        }
        JobLog(logger: logger).record(
            JobEnding(
                id: JobID("fox", of: "alice"), description: job, waited: .milliseconds(1500),
                total: .seconds(2)))
        writer.flush()
        let text = lines.all.joined()
        #expect(text.contains(expected) && text.contains("seconds=2.000"))
        for part in [" id=fox tenant=alice ", "waited=1.500", "size=128x64", "steps=4"] {
            #expect(text.contains(part), "\(text)")
        }
    }
}

@Suite struct `A log that is not read` {
    /// Room for two lines, while the first one is stuck.
    @Test func `keeps nobody waiting, and says what is missing`() {
        let lines = Lines()
        let (stuck, isStuck) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let writer = LogWriter(byteMaximum: 4) { line in
            isStuck.signal()
            stuck.wait()
            lines.add(line)
        }
        for number in 1...5 { writer.write("\(number)\n") { _ in "?\n" } }
        isStuck.wait()
        // The end of the process does not wait for ever either.
        writer.flush(within: .milliseconds(1))
        for _ in 1...3 { stuck.signal() }
        writer.flush(within: .seconds(60))
        writer.write("6\n") { "\($0) missing\n" }
        writer.flush(within: .seconds(60))
        #expect(lines.all == ["1\n", "2\n", "3 missing\n6\n"])
    }
}

/// Written by whichever thread logs.
private final class Lines: @unchecked Sendable {
    private(set) var all: [String] = []

    func add(_ line: String) { all.append(line) }
}

@Suite struct `A client's token` {
    private func options(_ file: String?) -> CallerOptions {
        var options = CallerOptions()
        options.tokenFile = file
        return options
    }

    @Test func `is what its file holds, without blanks`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/token"
            try Files.write(Array("  abc-123\n".utf8), to: path)
            #expect(try options(path).token() == "abc-123")
            try Files.write(Array("abc 123\n".utf8), to: path)
            #expect(throws: UsageError.self) { try options(path).token() }
            #expect(throws: FileError.self) { try options(path + "x").token() }
        }
    }
}
