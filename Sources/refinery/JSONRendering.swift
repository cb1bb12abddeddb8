import Generation

/// An object a line, for programs: `event` names its kind, the other keys are the event's, in camel
/// case. An image is its file's path and SHA-256.
struct JSONRendering: Rendering {
    func text(for report: Report) -> String { Self.object(for: report).text + "\n" }

    func end() -> String { "" }

    private static func object(for report: Report) -> JSONText {
        switch report {
        case .notice(let sentence):
            .object(["event": JSONText("notice"), "message": JSONText(sentence)])
        case .failed(let error):
            .object([
                "event": JSONText("failed"), "status": JSONText(error.status.rawValue),
                "code": JSONText(error.code), "message": JSONText(error.message),
                "fields": .array(error.fields.map { JSONText($0) }),
                "retryable": JSONText(error.retryable),
            ])
        case .saved(let event, let image, let path):
            object(for: event, "image", object(for: image, path: path))
        case .event(let event):
            switch event.content {
            case .accepted(let plan): object(for: event, "accepted", plan.json)
            case .queued(let queued): object(for: event, "queued", object(for: queued))
            case .progress(let progress): object(for: event, "progress", object(for: progress))
            case .handedOff(let handedOff): object(for: event, "handedOff", object(for: handedOff))
            case .image: object(for: event, "image", .object([:]))
            case .ended(let ended): object(for: event, "ended", object(for: ended))
            case .resumed(let resumed): object(for: event, "resumed", object(for: resumed))
            }
        }
    }

    private static func object(for event: Event, _ name: String, _ content: JSONText) -> JSONText {
        .object([
            "event": JSONText(name), "jobID": JSONText(event.jobID),
            "sequence": JSONText(event.sequence),
            "timeMilliseconds": JSONText(event.timeMilliseconds), name: content,
        ])
    }

    private static func object(for queued: Event.Queued) -> JSONText {
        .object([
            "place": JSONText(queued.place), "etaSeconds": queued.etaSeconds.map { JSONText($0) },
        ])
    }

    private static func object(for progress: Event.Progress) -> JSONText {
        .object([
            "phase": JSONText(Wording.name(of: progress.phase)),
            "step": JSONText(progress.step), "steps": JSONText(progress.steps),
            "phaseStep": JSONText(progress.phaseStep), "phaseSteps": JSONText(progress.phaseSteps),
            "timestep": JSONText(progress.timestep), "sigma": JSONText(progress.sigma),
            "stepSeconds": JSONText(progress.stepSeconds),
            "elapsedSeconds": JSONText(progress.elapsedSeconds),
            "etaSeconds": progress.etaSeconds.map { JSONText($0) },
            "imageIndex": JSONText(progress.imageIndex),
            "imageCount": JSONText(progress.imageCount),
            "branch": progress.branch.map { JSONText($0) },
            "jobStep": JSONText(progress.jobStep), "jobSteps": JSONText(progress.jobSteps),
            "preview": progress.preview.map {
                .object([
                    "step": JSONText($0.step), "png": JSONText(TerminalGraphics.base64($0.png)),
                ])
            },
        ])
    }

    private static func object(for ended: Event.Ended) -> JSONText {
        .object([
            "state": JSONText(Wording.name(of: ended.state)), "error": ended.error.map(\.json),
        ])
    }

    private static func object(for resumed: Event.Resumed) -> JSONText {
        .object([
            "imageIndex": JSONText(resumed.imageIndex), "step": JSONText(resumed.step),
            "reason": JSONText(resumed.reason),
        ])
    }

    private static func object(for handedOff: Event.HandedOff) -> JSONText {
        .object([
            "imageIndex": JSONText(handedOff.imageIndex),
            "handoff": handedOff.handoff.json,
            "latentsSHA256": JSONText(hexadecimal(handedOff.latentsSHA256)),
            "branch": handedOff.branch.map { JSONText($0) },
        ])
    }

    private static func object(for image: Event.Image, path: String) -> JSONText {
        .object([
            "path": JSONText(path), "byteCount": JSONText(image.png.count),
            "width": JSONText(image.size.width), "height": JSONText(image.size.height),
            "seed": JSONText(image.seed), "sha256": JSONText(hexadecimal(image.sha256)),
            "imageIndex": JSONText(image.imageIndex), "imageCount": JSONText(image.imageCount),
            "branch": image.branch.map { JSONText($0) },
            "pausedStep": image.pausedStep.map { JSONText($0) },
            "summary": image.summary.map(\.json),
        ])
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
