// The plan as JSON, for records of it: in a picture's file, in the store of jobs, for programs.

extension GenerationPlan {
    public var json: JSONText {
        .object(
            [
                ("model", JSONText(model)), ("refinerModel", refinerModel.map { JSONText($0) }),
                ("width", JSONText(size.width)), ("height", JSONText(size.height)),
                ("seeds", .array(seeds.map { JSONText($0) })),
            ] + scheduleMembers + [
                (
                    "branches", branches.isEmpty ? nil : .array(branches.map(\.json))
                ),
                ("pauseStep", pauseStep.map { JSONText($0) }), ("resumes", resumes.map(\.json)),
                ("fingerprint", JSONText(fingerprint)),
            ])
    }

    /// What a job does beyond what its request says.
    var scheduleMembers: [(key: String, value: JSONText?)] {
        [
            ("scheduler", JSONText(scheduler)), ("spacing", JSONText(spacing)),
            ("timesteps", .array(timesteps.map { JSONText($0) })),
            ("sigmas", .array(sigmas.map { JSONText($0) })),
            ("baseSteps", JSONText(baseSteps)), ("refinerSteps", JSONText(refinerSteps)),
            ("handoff", handoff.map(\.json)),
            ("advice", .array(advice.map { JSONText($0) })),
        ]
    }

    /// Reads what ``json`` gave.
    ///
    /// - Throws: INVALID_ARGUMENT for anything else.
    public init(json text: [UInt8]) throws(GenerationError) {
        let fields = try JSONFields(text)
        self.init(
            model: try fields.text("model"), refinerModel: try fields.textIfAny("refinerModel"),
            size: ImageSize(
                height: try fields.integer("height"), width: try fields.integer("width")),
            seeds: try fields.integers("seeds"), scheduler: try fields.text("scheduler"),
            spacing: try fields.text("spacing"), timesteps: try fields.numbers("timesteps"),
            sigmas: try fields.numbers("sigmas"), baseSteps: try fields.integer("baseSteps"),
            refinerSteps: try fields.integer("refinerSteps"),
            handoff: try fields.objectIfAny("handoff").map { fields throws(GenerationError) in
                try Handoff(fields)
            },
            branches: try fields.objectsIfAny("branches").map { fields throws(GenerationError) in
                try Branch(fields)
            }, advice: try fields.texts("advice"), fingerprint: try fields.text("fingerprint"))
        pauseStep = try fields.integerIfAny("pauseStep")
        resumes = try fields.objectIfAny("resumes").map { fields throws(GenerationError) in
            try Ticket(fields)
        }
    }
}

extension GenerationPlan.Ticket {
    public var json: JSONText {
        .object(["jobID": JSONText(jobID), "step": JSONText(step)])
    }

    init(_ fields: JSONFields) throws(GenerationError) {
        self.init(jobID: try fields.text("jobID"), step: try fields.integer("step"))
    }
}

extension GenerationPlan.Branch {
    public var json: JSONText {
        .object([
            "index": JSONText(index), "refinerModel": refinerModel.map { JSONText($0) },
            "baseSteps": JSONText(baseSteps), "refinerSteps": JSONText(refinerSteps),
            "handoff": handoff.map(\.json), "advice": .array(advice.map { JSONText($0) }),
            "fingerprint": JSONText(fingerprint),
        ])
    }

    fileprivate init(_ fields: JSONFields) throws(GenerationError) {
        self.init(
            index: try fields.integer("index"),
            refinerModel: try fields.textIfAny("refinerModel"),
            baseSteps: try fields.integer("baseSteps"),
            refinerSteps: try fields.integer("refinerSteps"),
            handoff: try fields.objectIfAny("handoff").map { fields throws(GenerationError) in
                try GenerationPlan.Handoff(fields)
            }, advice: try fields.texts("advice"), fingerprint: try fields.text("fingerprint"))
    }
}

extension GenerationPlan.Handoff {
    public var json: JSONText {
        .object([
            "step": JSONText(step), "percentage": JSONText(percentage),
            "timestep": JSONText(timestep), "sigma": JSONText(sigma),
        ])
    }

    init(_ fields: JSONFields) throws(GenerationError) {
        self.init(
            step: try fields.integer("step"), percentage: try fields.number("percentage"),
            timestep: try fields.number("timestep"), sigma: try fields.number("sigma"))
    }
}

extension Event.Summary {
    public var json: JSONText {
        .object([
            "baseSteps": JSONText(baseSteps), "refinerSteps": JSONText(refinerSteps),
            "textEncodingSeconds": JSONText(textEncodingSeconds),
            "imageEncodingSeconds": JSONText(imageEncodingSeconds),
            "baseSeconds": JSONText(baseSeconds), "refinerSeconds": JSONText(refinerSeconds),
            "decodingSeconds": JSONText(decodingSeconds), "totalSeconds": JSONText(totalSeconds),
            "isCutShort": JSONText(isCutShort), "baseEvaluations": JSONText(baseEvaluations),
            "refinerEvaluations": JSONText(refinerEvaluations),
            "sharedEvaluations": JSONText(sharedEvaluations),
        ])
    }

    /// Reads what ``json`` gave.
    ///
    /// - Throws: INVALID_ARGUMENT for anything else.
    public init(json text: [UInt8]) throws(GenerationError) {
        let fields = try JSONFields(text)
        self.init(
            baseSteps: try fields.integer("baseSteps"),
            refinerSteps: try fields.integer("refinerSteps"),
            textEncodingSeconds: try fields.number("textEncodingSeconds"),
            imageEncodingSeconds: try fields.number("imageEncodingSeconds"),
            baseSeconds: try fields.number("baseSeconds"),
            refinerSeconds: try fields.number("refinerSeconds"),
            decodingSeconds: try fields.number("decodingSeconds"),
            totalSeconds: try fields.number("totalSeconds"),
            isCutShort: try fields.flag("isCutShort"),
            baseEvaluations: try fields.integer("baseEvaluations"),
            refinerEvaluations: try fields.integer("refinerEvaluations"),
            sharedEvaluations: try fields.integer("sharedEvaluations"))
    }
}

extension GenerationError {
    public var json: JSONText {
        .object([
            "status": JSONText(status.rawValue), "code": JSONText(code),
            "message": JSONText(message), "fields": .array(fields.map { JSONText($0) }),
            "retryable": JSONText(retryable),
        ])
    }

    /// Reads what ``json`` gave; a status that does not exist is UNKNOWN.
    ///
    /// - Throws: INVALID_ARGUMENT for anything else.
    public init(json text: [UInt8]) throws(GenerationError) {
        let fields = try JSONFields(text)
        self.init(
            StatusCode(rawValue: Int32(clamping: try fields.integer("status"))) ?? .unknown,
            code: try fields.text("code"), try fields.text("message"),
            fields: try fields.texts("fields"), retryable: try fields.flag("retryable"))
    }
}
