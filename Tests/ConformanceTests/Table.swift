import Foundation
import Generation
import Wire

/// What clients/conformance holds.
enum Table {
    static func scenarios() throws -> [Scenario] {
        try decoded(Scenarios.self, "scenarios.json").scenarios
    }

    static func replies() throws -> [Reply] { try decoded([Reply].self, "replies.json") }

    private struct Scenarios: Decodable { var scenarios: [Scenario] }

    private static func decoded<Value: Decodable>(_: Value.Type, _ file: String) throws -> Value {
        let root = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Value.self, from: Data(contentsOf: root.appending(path: "clients/conformance/\(file)")))
    }

    /// As at the head of scenarios.json.
    static func letter(of event: Event) -> Character {
        switch event.content {
        case .accepted: "a"
        case .queued: "q"
        case .handedOff: "h"
        case .image: "I"
        case .resumed: "R"
        case .ended: "E"
        case .progress(let progress):
            switch progress.phase {
            case .textEncoding: "t"
            case .imageEncoding: "i"
            case .base: "b"
            case .refiner: "r"
            case .decoding: "d"
            }
        }
    }

    /// INVALID_ARGUMENT for `invalidArgument`.
    static func name(of status: StatusCode) -> String {
        "\(status)".map { $0.isUppercase ? "_\($0)" : $0.uppercased() }.joined()
    }
}

struct Scenario: Decodable {
    var name: String
    private var requestFields: [String: JSON]
    var events: String?
    var baseSteps: Int?
    var refinerSteps: Int?
    var isCutShort: Bool?
    var readAgain: Bool?
    private var leave: String?
    private var cancel: String?
    private var outcome: String?
    private var kill: String?
    var timeoutSeconds: Double?
    var status: String?
    var code: String?
    var fields: [String]?
    var jobState: String?
    var pausedStep: Int?
    var resume: Resumption?

    enum CodingKeys: String, CodingKey {
        case name, events, baseSteps, refinerSteps, isCutShort, readAgain, outcome, timeoutSeconds
        case status, code, fields, jobState, pausedStep, resume
        case requestFields = "request"
        case leave = "leaveAt"
        case cancel = "cancelAt"
        case kill = "killAt"
    }

    var leaveAt: Character? { leave.map { Character($0) } }
    var cancelAt: Character? { cancel.map { Character($0) } }
    var killAt: Character? { kill.map { Character($0) } }

    var cancelOutcome: CancelOutcome? {
        switch outcome {
        case "DISCARD": .discard
        case "DECODE_NOW": .decodeNow
        case "SKIP_TO_REFINER": .skipToRefiner
        default: nil
        }
    }

    var interference: Interference {
        Interference(left: leave != nil, killed: kill != nil, cancelled: cancel != nil)
    }

    /// Whatever it asks for, also what no job may.
    var request: GenerationRequest { get throws { try GenerationRequest(requestFields) } }
}

/// How a paused job goes on, and what comes of it.
struct Resumption: Decodable {
    private var with: [String: JSON]
    var events: String
    var baseSteps: Int
    var refinerSteps: Int
    private var sameAs: [String: JSON]

    func request(jobID: String) throws -> ResumeRequest {
        var fields = with
        let withoutRefiner = fields.removeValue(forKey: "without_refiner") != nil
        return ResumeRequest(
            jobID: jobID, refiner: try GenerationRequest(fields).refiner,
            withoutRefiner: withoutRefiner)
    }

    /// Run from the start it gives the same picture.
    var whole: GenerationRequest { get throws { try GenerationRequest(sameAs) } }
}

extension GenerationRequest {
    fileprivate init(_ fields: [String: JSON]) throws {
        self = try RequestReader.read(Array(JSONEncoder().encode(fields))).requests[0]
    }
}

/// What a scenario does to a job while it runs.
struct Interference: Equatable {
    var left = false
    var killed = false
    var cancelled = false
}

struct Reply: Decodable {
    var name: String
    private var bytes: String
    var events: String
    var outcome: String
    var retryAfterMs: Int?

    var data: [UInt8] {
        stride(from: 0, to: bytes.utf8.count, by: 2).compactMap {
            UInt8(bytes.dropFirst($0).prefix(2), radix: 16)
        }
    }
}

/// A request's values, to be written out again.
private enum JSON: Codable {
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let integer = try? container.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .flag(let flag): try container.encode(flag)
        case .integer(let integer): try container.encode(integer)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .object(let members): try container.encode(members)
        }
    }
}
