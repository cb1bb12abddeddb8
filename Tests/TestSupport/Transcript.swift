internal import Foundation

/// A conversation, byte for byte: see `Tests/Transcripts/*.txt`, which explain themselves.
public struct Transcript {
    public struct Line {
        public var fromClient: Bool
        public var bytes: [UInt8]
    }

    public let lines: [Line]

    /// All that one side says.
    public func bytes(fromClient: Bool) -> [UInt8] {
        lines.filter { $0.fromClient == fromClient }.flatMap(\.bytes)
    }

    public init(_ name: String) throws {
        let url = Repository.root.appending(path: "Tests/Transcripts/\(name).txt")
        lines = try String(contentsOf: url, encoding: .utf8)
            .split(separator: "\n")
            .filter { $0.hasPrefix(">") || $0.hasPrefix("<") }
            .map { Line(fromClient: $0.hasPrefix(">"), bytes: try Self.bytes($0.dropFirst())) }
    }

    public struct Unreadable: Error {
        public var text: String
    }

    /// Reads `0a 05 "hello" 00*3 # comment`.
    private static func bytes(_ text: Substring) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.drop { $0 == " " }
        while let first = rest.first, first != "#" {
            if first == "\"" {
                let quoted = rest.dropFirst().prefix { $0 != "\"" }
                bytes += quoted.utf8
                rest = rest.dropFirst(quoted.count + 2)
            } else {
                let token = rest.prefix { $0 != " " }
                let parts = token.split(separator: "*")
                guard let byte = parts.first.flatMap({ UInt8($0, radix: 16) }),
                    let count = parts.count == 1 ? 1 : Int(parts[1])
                else { throw Unreadable(text: String(text)) }
                bytes += Array(repeating: byte, count: count)
                rest = rest.dropFirst(token.count)
            }
            rest = rest.drop { $0 == " " }
        }
        return bytes
    }
}
