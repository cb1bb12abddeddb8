import Foundation
import Testing

/// Style that a machine can check. Each check has a canary: text that it must object to.
struct TidyTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    // MARK: Who imports whom

    /// What each module may import of ours: the path of a request, from the inside out.
    static let allowed: [String: Set<String>] = [
        "Locking": [], "Generation": [], "Diffusion": [],
        "Metrics": ["Locking"],
        "Tokenization": ["CVocabulary"],
        "Tensors": ["COpenBLAS", "CKernels"],
        "Weights": ["Tensors", "CMappedFiles"],
        "SDXL": [
            "Generation", "Tokenization", "Diffusion", "Tensors", "Weights", "Locking",
            "CEmbeddedModels",
        ],
        "PNGEncoding": ["Generation", "CLibpng", "CPNGShim"],
        "Wire": ["Generation", "CProtobufC", "CRefineryProto"],
        "Transport": ["CLibuv", "Locking"],
        "Jobs": ["Generation", "PNGEncoding", "Metrics", "Locking", "CSQLite"],
        "Server": ["Transport", "Wire", "Jobs", "Generation", "Metrics", "Locking"],
        "Client": ["Transport", "Wire", "Generation", "Locking"],
        "refinery": [
            "Server", "Client", "SDXL", "Jobs", "Generation", "Metrics", "PNGEncoding", "Diffusion",
            "Tensors",
            "Weights", "Transport", "Wire", "Locking",
        ],
    ]

    static let foreign: Set<String> = [
        "Foundation", "FoundationEssentials", "Glibc", "Logging", "ArgumentParser", "Dispatch",
        "Synchronization",
    ]

    @Test(arguments: allowed.keys.sorted())
    func `a module imports only what its row names`(module: String) throws {
        let permitted = try #require(Self.allowed[module]).union(Self.foreign)
        for file in try Self.files(below: "Sources/\(module)", suffix: "swift") {
            let strangers = Self.imports(in: file.text).subtracting(permitted)
            #expect(strangers.isEmpty, "\(file.path) imports \(strangers.sorted())")
        }
    }

    @Test func `every Swift module has a row`() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appending(path: "Sources").path)
        let modules = folders.filter { $0.first != "C" || $0 == "Client" }
        #expect(Set(modules) == Set(Self.allowed.keys))
    }

    @Test func `imports are seen whatever stands before them`() {
        let text = """
            import A
            public import B
            internal import C
            @testable import D
            // import E
            import struct F.G
            """
        #expect(Self.imports(in: text) == ["A", "B", "C", "D", "F"])
    }

    // MARK: Words that must not stay

    /// Text, and why it must not stand in a tracked source.
    static let unwanted: [(pattern: String, why: String)] = [
        (#"\b(TODO|FIXME|XXX)\b(?!\(reason:)"#, "unfinished work"),
        (#"\btry!"#, "a crash in place of an error"),
        (#"(?<![.\w])/(work|root|home|tmp/w)/"#, "a path of one machine"),
        (#"\bfatalError\("not implemented"#, "a stub"),
    ]

    @Test func `no source holds what must not stay`() throws {
        let folders = ["Sources", "Tests", "Proto", "clients", "dev", ".ci"]
        let suffixes = ["swift", "c", "h", "proto", "py", "sh", "md", "run", "test", "generate"]
        for folder in folders {
            for suffix in suffixes {
                for file in try Self.files(below: folder, suffix: suffix)
                where !file.path.hasSuffix("TidyTests.swift") {
                    for why in Self.objections(to: file.text) {
                        Issue.record("\(file.path): \(why)")
                    }
                }
            }
        }
    }

    @Test(arguments: [
        "// TODO later", "let x = try! f()", "open(\"/work/main\")",
        "fatalError(\"not implemented\")",
    ])
    func `each unwanted text is objected to`(text: String) {
        #expect(Self.objections(to: text).count == 1)
    }

    // MARK: What the tables promise

    @Test func `every test that the table of tests names is there`() throws {
        let table = try String(
            contentsOf: Self.root.appending(path: "Tests/README.md"), encoding: .utf8)
        let sources = try ["swift", "py"].flatMap { suffix in
            try ["Tests", "clients"].flatMap { try Self.files(below: $0, suffix: suffix) }
        }.map(\.text)
        let names = Self.testNames(in: table)
        #expect(names.count > 50)
        for name in names where !sources.contains(where: { $0.contains(name) }) {
            Issue.record("Tests/README.md names a test that is not there: \(name)")
        }
    }

    @Test func `names of tests are found in a table's rows`() {
        let text = """
            Text with `no name of a test`, and
            | 1 | what | shown by A `a sentence, also cut ...`, `test_of_python`, `dev/stress` |
            """
        #expect(Self.testNames(in: text) == ["a sentence, also cut", "test_of_python"])
    }

    /// What stands in backticks in the numbered rows and is a sentence, or a Python test; without the dots
    /// of one that is cut.
    private static func testNames(in text: String) -> Set<String> {
        let rows = text.split(separator: "\n").filter { $0.contains(#/^\| \d/#) }
        let quoted = rows.flatMap { $0.matches(of: #/`([^`]+)`/#).map { String($0.1) } }
        let commands = ["refinery ", "swift ", "dev/"]
        return Set(
            quoted.filter { $0.contains(" ") || $0.hasPrefix("test_") }
                .filter { name in
                    !name.hasSuffix(".py") && !commands.contains { name.hasPrefix($0) }
                }
                .map { $0.hasSuffix(" ...") ? String($0.dropLast(4)) : $0 })
    }

    // MARK: One idea a file

    @Test func `no Swift source is longer than 400 lines`() throws {
        for file in try Self.files(below: "Sources", suffix: "swift") {
            let lines = file.text.count { $0 == "\n" }
            #expect(lines <= 400, "\(file.path) has \(lines) lines")
        }
    }

    // MARK: Helpers

    private static func imports(in text: String) -> Set<String> {
        let pattern =
            #/^\s*(?:@\w+\s+)?(?:public |internal |private |package )?import (?:(?:struct|class|enum|func) )?(\w+)/#
            .anchorsMatchLineEndings()
        return Set(text.matches(of: pattern).map { String($0.1) })
    }

    private static func objections(to text: String) -> [String] {
        unwanted.compactMap { pattern, why in
            guard let place = text.range(of: pattern, options: .regularExpression) else {
                return nil
            }
            return "\"\(text[place])\" is \(why)"
        }
    }

    private static func files(
        below folder: String, suffix: String
    ) throws -> [(path: String, text: String)] {
        let base = root.appending(path: folder)
        guard FileManager.default.fileExists(atPath: base.path),
            let all = FileManager.default.enumerator(atPath: base.path)
        else { return [] }
        return try all.compactMap { $0 as? String }
            .filter {
                ($0 as NSString).pathExtension == suffix
                    || ($0 as NSString).lastPathComponent == suffix
            }
            .filter {
                !$0.contains(".build") && !$0.contains("References/scripts")
                    && !$0.contains(".venv")
            }
            .map { path in
                (
                    "\(folder)/\(path)",
                    try String(contentsOf: base.appending(path: path), encoding: .utf8)
                )
            }
    }
}
