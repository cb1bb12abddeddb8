extension Parameter {
    /// The parameter of this name; asking for one that is not in the table is our own bug.
    static func named(_ name: String) -> Parameter {
        guard let parameter = all.first(where: { $0.name == name }) else {
            preconditionFailure("no parameter is called \(name)")
        }
        return parameter
    }

    /// Checks the request's value by itself; an absent one passes.
    func check(_ request: GenerationRequest) throws(GenerationError) {
        switch kind {
        case .prompt(let field, let range):
            guard let text = request[keyPath: field], text != Self.blankPrompt else { return }
            try checkPrompt(text, range)
        case .name(let field, let range):
            guard let text = request[keyPath: field] else { return }
            try checkName(text, range)
        case .integer(let field, let range):
            try check(request[keyPath: field], range)
        case .seed(let field, let range):
            try check(request[keyPath: field], range)
        case .flag: break
        case .pause(let field, let range):
            if case .step(let step) = request[keyPath: field] { try check(step, range) }
        case .number(let field, let range):
            guard let number = request[keyPath: field] else { return }
            // A NaN is in no range; so it and the infinities are told like any other value.
            if !range.contains(number) {
                throw invalid(
                    "is \(number): it must be a number from \(plain(range.lowerBound)) "
                        + "to \(plain(range.upperBound))")
            }
        case .picture(let field):
            guard let text = request[keyPath: field], !text.isEmpty else { return }
            if text.utf8.count != 64 || !text.utf8.allSatisfy(Self.isHexDigit) {
                throw invalid(
                    "is \(quoted(text)): it must be the SHA-256 of an uploaded PNG in 64 hex digits"
                )
            }
        case .side(let field):
            guard let side = request[keyPath: field] else { return }
            if side <= 0 || side % 8 != 0 {
                throw invalid("is \(side): it must be a positive multiple of 8")
            }
        case .size(let field, let range):
            guard let size = request[keyPath: field] else { return }
            try check(size.height, range, part: ".height")
            try check(size.width, range, part: ".width")
        case .point(let field, let range):
            guard let point = request[keyPath: field] else { return }
            try check(point.top, range, part: ".top")
            try check(point.left, range, part: ".left")
        case .embeddings(let count, let weight):
            try check(request.embeddings, count: count, weight: weight)
        case .choice(let field, let choices):
            guard let text = request[keyPath: field].nonEmpty, !choices.contains(text) else {
                return
            }
            throw invalid("is \(quoted(text)): it must be \(choices.joined(separator: " or "))")
        case .branches(let count):
            try check(request.branches, count: count)
        case .loras(let count, let weight):
            try check(request.loras, count: count, weight: weight)
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private func check<Value: Comparable>(
        _ value: Value?, _ range: ClosedRange<Value>, part: String = ""
    ) throws(GenerationError) {
        guard let value, !range.contains(value) else { return }
        throw invalid(
            "is \(value): it must be a whole number from \(range.lowerBound) "
                + "to \(range.upperBound)", part: part)
    }

    private func checkPrompt(_ text: String, _ range: ClosedRange<Int>) throws(GenerationError) {
        // Required ones are told apart from short ones when the job is made.
        if text.isEmpty, defaultText == nil { return }
        let scalars = text.unicodeScalars
        if !range.contains(scalars.count) {
            let blank = range.contains(0) ? "" : ", or \(Self.blankPrompt) for none"
            throw .invalid(
                name, code: code + "Length",
                "\(name) has \(scalars.count) characters: it must have "
                    + "\(range.lowerBound) to \(range.upperBound)\(blank).")
        }
        if let index = Array(scalars).firstIndex(of: "\0") {
            throw invalid("has a NUL as character \(index + 1): take it out")
        }
    }

    func checkName(
        _ text: String, _ range: ClosedRange<Int>, part: String = ""
    ) throws(GenerationError) {
        if !range.contains(text.utf8.count) {
            throw invalid(
                "has \(text.utf8.count) bytes: it may have at most \(range.upperBound)", part: part)
        }
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw invalid(
                "is \(quoted(text)), with control characters in it: take them out", part: part)
        }
    }

    func invalid(_ problem: String, part: String = "") -> GenerationError {
        .invalid(name + part, code: code, "\(name)\(part) \(problem).")
    }
    private func check(
        _ branches: [GenerationRequest.Branch], count: Int
    ) throws(GenerationError) {
        // What is in them is checked with each one's separate request.
        guard branches.count > count else { return }
        throw invalid("has \(branches.count) entries: there may be at most \(count)")
    }
}
