/// A place where bytes from outside come in, as a function of any bytes whatever.
///
/// A target must come back: with nothing, because the bytes were taken or refused and all that must
/// hold held, or with a ``Violation``. A trap or a report of a sanitizer is a finding like that.
/// libFuzzer drives the targets from `Tests/Fuzzing` (`dev/fuzz`), `FuzzingTests` replays what it found.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A server's connection: frames, envelopes, messages and streams.
    case frames
    /// A client's connection.
    case replies
    /// The message of each method, and from a Generate on the checks and the plan.
    case requests
    /// Requests and picture records as JSON.
    case json
    /// A model file's header.
    case safetensors
    /// A picture to start from, and the texts of one.
    case png
    /// A prompt to token ids.
    case tokenizer
    /// Weights in a prompt.
    case prompts

    /// - Throws: ``Violation``.
    public func run(_ bytes: [UInt8]) throws {
        var input = bytes[...]
        switch self {
        case .frames: try ServerFrames.run(&input)
        case .replies: try ClientFrames.run(&input)
        case .requests: try Requests.runMessage(&input)
        case .json: try Requests.runJSON(bytes)
        case .safetensors: try Files.runSafetensors(bytes)
        case .png: try Files.runPNG(bytes)
        case .tokenizer: try Prompts.runTokenizer(&input)
        case .prompts: try Prompts.runSyntax(&input)
        }
    }
}

/// Something that must hold and did not.
public struct Violation: Error, CustomStringConvertible {
    public var description: String
}

func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    guard condition else { throw Violation(description: what()) }
}

extension ArraySlice<UInt8> {
    /// The next byte of the input, 0 when there is none: what a target decides by.
    mutating func choice() -> Int { Int(popFirst() ?? 0) }

    /// The rest in pieces of `count` bytes; in one piece for 0.
    func pieces(of count: Int) -> [[UInt8]] {
        guard count > 0 else { return [Array(self)] }
        return stride(from: startIndex, to: endIndex, by: count).map {
            Array(self[$0..<Swift.min($0 + count, endIndex)])
        }
    }
}
