/// Requests as JSON: an object or an array of them, with the contract's names (`positivePrompt`,
/// `CFGScale`) or the proto's (`positive_prompt`, `cfg_scale`).
///
/// Strict, so that nothing is dropped silently: an unknown key, a key given twice and a value of the
/// wrong type are errors that name the path; a key of the contract that has no meaning here gives a
/// notice; one that asks for something not offered yet is refused by name. `null` is as good as absent.
/// Ranges are not looked at: ``GenerationJob`` does that.
public enum RequestReader {
    public struct Reading: Equatable, Sendable {
        /// At least one.
        public var requests: [GenerationRequest]
        /// Sentences for the person who asked: what was taken but changes nothing.
        public var notices: [String]
    }

    /// More bytes than this are refused unread.
    public static let byteCountMaximum = 4 << 20
    /// More tasks than this in one array are refused.
    public static let taskCountMaximum = 1000

    /// - Throws: INVALID_ARGUMENT.
    public static func read(_ text: [UInt8]) throws(GenerationError) -> Reading {
        guard text.count <= byteCountMaximum else {
            throw GenerationError(
                .invalidArgument, code: "valueTooLarge",
                "The request has \(text.count) bytes; at most \(byteCountMaximum) are read.")
        }
        var reading = Reading(requests: [], notices: [])
        switch try JSONValue(text) {
        case .object(let members):
            reading.requests.append(try request(members, path: "", &reading.notices))
        case .array(let tasks):
            guard (1...taskCountMaximum).contains(tasks.count) else {
                throw GenerationError(
                    .invalidArgument, code: "invalidRequest",
                    "The array has \(tasks.count) tasks: give 1 to \(taskCountMaximum).")
            }
            for (index, task) in tasks.enumerated() {
                let path = tasks.count == 1 ? "" : "[\(index)]"
                guard case .object(let members) = task else {
                    throw wrongType(task, path: "[\(index)]", wanted: "an object, the task")
                }
                reading.requests.append(try request(members, path: path, &reading.notices))
            }
        case let other:
            throw wrongType(other, path: "", wanted: "an object or an array of objects")
        }
        return reading
    }

    /// One request's object.
    static func read(_ members: [JSONValue.Member]) throws(GenerationError) -> GenerationRequest {
        var notices: [String] = []
        return try request(members, path: "", &notices)
    }

    private static func request(
        _ members: [JSONValue.Member], path: String, _ notices: inout [String]
    ) throws(GenerationError) -> GenerationRequest {
        var request = GenerationRequest()
        var seen: Set<String> = []
        for member in members {
            let path = joined(path, member.key)
            let canonical: String
            if let parameter = Parameter.top[member.key] {
                canonical = parameter.name
                try parameter.set(member.value, path: path, in: &request)
            } else if member.key == "refiner" {
                canonical = member.key
                try readRefiner(member.value, path: path, &request)
            } else if let key = ContractKey.all[member.key] {
                canonical = key.name
                if let notice = try key.treat(member.value, path: path) { notices.append(notice) }
            } else {
                throw unknown(
                    path, key: member.key,
                    known: Array(Parameter.top.keys) + Array(ContractKey.all.keys) + ["refiner"])
            }
            try requireFirst(canonical, path: path, &seen)
        }
        return request
    }

    fileprivate static func readBranches(
        _ value: JSONValue, path: String
    ) throws(GenerationError) -> [GenerationRequest.Branch] {
        guard case .array(let elements) = value else {
            throw wrongType(value, path: path, wanted: "an array of objects")
        }
        var branches: [GenerationRequest.Branch] = []
        for (index, element) in elements.enumerated() {
            let path = "\(path)[\(index)]"
            guard case .object(let members) = element else {
                throw wrongType(
                    element, path: path, wanted: "an object, with refiner or with nothing in it")
            }
            // The keys of a request's own refiner.
            var holder = GenerationRequest()
            for member in members {
                let path = joined(path, member.key)
                guard member.key == "refiner" else {
                    throw unknown(path, key: member.key, known: ["refiner"])
                }
                try readRefiner(member.value, path: path, &holder)
            }
            branches.append(GenerationRequest.Branch(refiner: holder.refiner))
        }
        return branches
    }

    private static func readRefiner(
        _ value: JSONValue, path: String, _ request: inout GenerationRequest
    ) throws(GenerationError) {
        if value == .null { return }
        guard case .object(let members) = value else {
            throw wrongType(value, path: path, wanted: "an object with model and a start field")
        }
        request.refiner = GenerationRequest.Refiner()
        var seen: Set<String> = []
        for member in members {
            let path = joined(path, member.key)
            guard let parameter = Parameter.ofRefiner[member.key] else {
                throw unknown(path, key: member.key, known: Array(Parameter.ofRefiner.keys))
            }
            try requireFirst(parameter.name, path: path, &seen)
            try parameter.set(member.value, path: path, in: &request)
        }
    }

    /// The same parameter in both spellings is a repetition that the JSON reader cannot see.
    static func requireFirst(
        _ name: String, path: String, _ seen: inout Set<String>
    ) throws(GenerationError) {
        guard seen.insert(name).inserted else {
            throw .invalid(
                path, code: "incompatibleParameters",
                "\(path) says again, in another spelling, what is already given: keep one of them.")
        }
    }

    static func unknown(_ path: String, key: String, known: [String]) -> GenerationError {
        let near = nearest(to: key, among: known.sorted())
        let suggestion = near.map { " Did you mean \($0)?" } ?? ""
        return .invalid(
            path, code: "unknownParameter",
            "There is no parameter \(quoted(path)).\(suggestion)")
    }

    static func joined(_ path: String, _ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    static func wrongType(
        _ value: JSONValue, path: String, wanted: String
    ) -> GenerationError {
        let subject = path.isEmpty ? "The request" : path
        return GenerationError(
            .invalidArgument, code: "invalidType",
            "\(subject) is \(value.kindName): it must be \(wanted).",
            fields: path.isEmpty ? [] : [path])
    }
}

extension Parameter {
    /// The parameters of a request's own object, by both spellings of their keys.
    fileprivate static let top = bySpelling(all.filter { !$0.name.contains(".") })
    /// The parameters of its `refiner`.
    fileprivate static let ofRefiner = bySpelling(all.filter { $0.name.hasPrefix("refiner.") })

    private static func bySpelling(_ parameters: [Parameter]) -> [String: Parameter] {
        var result: [String: Parameter] = [:]
        for parameter in parameters {
            result[parameter.key] = parameter
            result[parameter.wireName] = parameter
        }
        return result
    }

    fileprivate func set(
        _ value: JSONValue, path: String, in request: inout GenerationRequest
    ) throws(GenerationError) {
        if value == .null { return }
        switch kind {
        case .prompt(let field, _), .name(let field, _), .choice(let field, _),
            .picture(let field):
            guard case .string(let text) = value else {
                throw RequestReader.wrongType(value, path: path, wanted: "a text")
            }
            request[keyPath: field] = text
        case .integer(let field, _), .side(let field):
            request[keyPath: field] = Int(try whole(value, path: path))
        case .seed(let field, _):
            request[keyPath: field] = try whole(value, path: path)
        case .flag(let field):
            guard case .bool(let flag) = value else {
                throw RequestReader.wrongType(value, path: path, wanted: "true or false")
            }
            request[keyPath: field] = flag
        case .number(let field, _):
            switch value {
            case .integer(let integer): request[keyPath: field] = Double(integer)
            case .number(let number): request[keyPath: field] = number
            default: throw RequestReader.wrongType(value, path: path, wanted: "a number")
            }
        case .embeddings:
            request.embeddings = try embeddings(value, path: path)
        case .size(let field, _):
            let (height, width) = try pair(value, "height", "width", path: path)
            request[keyPath: field] = ImageSize(height: height, width: width)
        case .point(let field, _):
            let (top, left) = try pair(value, "top", "left", path: path)
            request[keyPath: field] = ImagePoint(top: top, left: left)
        case .pause(let field, _):
            request[keyPath: field] = try Self.pausePoint(value, path: path)
        case .branches:
            request.branches = try RequestReader.readBranches(value, path: path)
        case .loras:
            request.loras = try Self.loras(value, path: path)
        }
    }

    /// A whole number; one written as `20.0`, as some languages do, is one too.
    private func whole(_ value: JSONValue, path: String) throws(GenerationError) -> Int64 {
        switch value {
        case .integer(let integer): return integer
        case .number(let number):
            if let integer = Int64(exactly: number) { return integer }
            fallthrough
        default: throw RequestReader.wrongType(value, path: path, wanted: "a whole number")
        }
    }

    /// Both members of a size or a point, and nothing else.
    private func pair(
        _ value: JSONValue, _ first: String, _ second: String, path: String
    ) throws(GenerationError) -> (Int, Int) {
        guard case .object(let members) = value, Set(members.map(\.key)) == [first, second] else {
            throw RequestReader.wrongType(
                value, path: path, wanted: "an object with \(first) and \(second), nothing else")
        }
        var numbers: [String: Int] = [:]
        for member in members {
            let path = RequestReader.joined(path, member.key)
            numbers[member.key] = Int(try whole(member.value, path: path))
        }
        return (numbers[first] ?? 0, numbers[second] ?? 0)
    }
}
