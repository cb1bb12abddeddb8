import Generation

/// The words and numbers that the renderings share.
enum Wording {
    // MARK: Reports

    /// What the server, or the generator in this process, is about to do.
    static func lines(of plan: GenerationPlan) -> [String] {
        let refiners =
            plan.branches.isEmpty ? [plan.refinerModel] : plan.branches.map(\.refinerModel)
        var models = [printable(plan.model)]
        for case let refiner? in refiners where !models.contains(printable(refiner)) {
            models.append(printable(refiner))
        }
        let seeds =
            plan.seeds.count == 1
            ? "seed \(plan.seeds[0])"
            : "\(plan.seeds.count) images from seed \(plan.seeds.first ?? 0)"
        var lines = [
            "\(models.joined(separator: " + ")), \(plan.size.width) x \(plan.size.height), "
                + "\(printable(plan.scheduler)) (\(printable(plan.spacing))), "
                + "\(steps(plan.stepCount)), \(seeds)"
        ]
        if plan.branches.isEmpty {
            if plan.handoff != nil { lines.append(line(of: plan.ending(ofImage: 0))) }
        } else {
            lines += plan.branches.sorted { $0.index < $1.index }.map {
                "branch \($0.index + 1): \(line(of: $0))"
            }
            lines.append(
                "\(steps(plan.workedSteps)) in all, of \(plan.imageCount * plan.stepCount) apart")
        }
        if let step = plan.pauseStep { lines.append("pauses after step \(step)") }
        if let ticket = plan.resumes {
            lines.append("resumes \(printable(ticket.jobID)) after step \(ticket.step)")
        }
        return lines + plan.advice.map(advice)
    }

    static func advice(_ sentence: String) -> String { "advice: \(printable(sentence))" }

    static func line(of ending: GenerationPlan.Branch) -> String {
        guard let handoff = ending.handoff else { return "base \(steps(ending.baseSteps)) alone" }
        return "base \(steps(ending.baseSteps)), refiner \(ending.refinerSteps) from "
            + place(of: handoff)
    }

    static func line(of handedOff: Event.HandedOff) -> String {
        "the refiner takes over at \(place(of: handedOff.handoff))"
    }

    private static func place(of handoff: GenerationPlan.Handoff) -> String {
        "step \(handoff.step) (\(fixed(handoff.percentage, 1)) %, "
            + "timestep \(fixed(handoff.timestep, 1)), sigma \(fixed(handoff.sigma, 3)))"
    }

    static func line(of queued: Event.Queued) -> String {
        "\(queued.place) ahead in the queue"
            + (queued.etaSeconds.map { ", ETA \(clock($0))" } ?? "")
    }

    static func lines(of image: Event.Image, path: String) -> [String] {
        var lines = ["\(printable(path))  \(self.image(image))  \(bytes(image.png.count))"]
        if let summary = image.summary {
            var parts = ["text \(seconds(summary.textEncodingSeconds))"]
            if summary.imageEncodingSeconds > 0 {
                parts.append("image \(seconds(summary.imageEncodingSeconds))")
            }
            if summary.baseSteps > 0 {
                parts.append("base \(steps(summary.baseSteps)) \(seconds(summary.baseSeconds))")
            }
            if summary.refinerSteps > 0 {
                parts.append(
                    "refiner \(steps(summary.refinerSteps)) \(seconds(summary.refinerSeconds))")
            }
            parts.append("decoding \(seconds(summary.decodingSeconds))")
            lines.append(
                "done in \(seconds(summary.totalSeconds)): \(parts.joined(separator: ", "))")
            if summary.sharedEvaluations > 0 {
                lines.append(evaluations(summary))
            }
        }
        return lines
    }

    static func evaluations(_ summary: Event.Summary) -> String {
        let count = summary.baseEvaluations + summary.refinerEvaluations
        return
            "\(count) UNet evaluations, not \(count + summary.sharedEvaluations): the branches share "
            + "the base's"
    }

    static func image(_ image: Event.Image) -> String {
        "\(image.size.width) x \(image.size.height)  seed \(image.seed)"
            + (image.branch.map { "  branch \($0 + 1)" } ?? "")
            + (image.summary?.isCutShort == true ? "  cut short" : "")
            + (image.pausedStep.map { "  paused after step \($0)" } ?? "")
    }

    static func line(of error: GenerationError) -> String {
        "\(printable(error.message)) [\(printable(error.code))]"
    }

    static func line(of ended: Event.Ended) -> String {
        name(of: ended.state) + (ended.error.map { ": \(line(of: $0))" } ?? "")
    }

    static func name(of state: JobState) -> String {
        switch state {
        case .queued: "queued"
        case .running: "running"
        case .finished: "finished"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .paused: "paused"
        }
    }

    static func name(of phase: Phase) -> String {
        switch phase {
        case .textEncoding: "text"
        case .imageEncoding: "image"
        case .base: "base"
        case .refiner: "refiner"
        case .decoding: "decoding"
        }
    }

    /// The step, and what is known about its pace, the most important first.
    static func facts(of progress: Event.Progress) -> [String] {
        let eta = progress.etaSeconds.map { ["ETA \(clock($0))"] } ?? []
        switch progress.phase {
        case .textEncoding, .imageEncoding, .decoding:
            return eta
        case .base, .refiner:
            return ["step \(progress.step)/\(progress.steps)"] + eta
                + [pace(progress.stepSeconds), "sigma \(fixed(progress.sigma, 3))"]
        }
    }

    /// The one of the two that is above 1.
    private static func pace(_ seconds: Double) -> String {
        seconds > 0 && seconds < 1
            ? "\(fixed(1 / seconds, 2)) it/s" : "\(fixed(seconds, 2)) s/it"
    }

    static func facts(of model: ModelDescription) -> String {
        let facts =
            "\(model.id): \(model.architecture), \(model.dtype), \(bytes(Int(model.byteCount)))"
        return printable(model.problem.isEmpty ? facts : "\(facts); \(model.problem)")
    }

    // MARK: Numbers

    static func steps(_ count: Int) -> String { "\(count) step\(count == 1 ? "" : "s")" }

    /// With that many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        guard value.isFinite, abs(value) < 1e15 / scale else { return "\(value)" }
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let (whole, rest) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let padding = String(repeating: "0", count: digits - "\(rest)".count)
        return "\(sign)\(whole).\(padding)\(rest)"
    }

    static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<1e-3: "\(threeDigits(seconds * 1e6)) us"
        case ..<1: "\(threeDigits(seconds * 1e3)) ms"
        default: "\(threeDigits(seconds)) s"
        }
    }

    /// Floating-point operations, as in `1.59 T`.
    static func operations(_ count: Int) -> String {
        let count = Double(count)
        return switch count {
        case ..<1e9: "\(threeDigits(count / 1e6)) M"
        case ..<1e12: "\(threeDigits(count / 1e9)) G"
        default: "\(threeDigits(count / 1e12)) T"
        }
    }

    private static func threeDigits(_ value: Double) -> String {
        fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0)
    }

    static func seconds(_ value: Double) -> String { "\(fixed(value, value < 10 ? 2 : 1)) s" }

    /// Minutes and seconds, with hours before them where there are any.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, (0..<1e9).contains(seconds) else { return "-:--" }
        let total = Int(seconds.rounded(.up))
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        let padded = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0
            ? "\(hours):\(padded(minutes)):\(padded(total % 60))"
            : "\(minutes):\(padded(total % 60))"
    }

    static func bytes(_ count: Int) -> String {
        switch count {
        case ..<1000: "\(count) bytes"
        case ..<1_000_000: "\(fixed(Double(count) / 1e3, 1)) kB"
        case ..<1_000_000_000: "\(fixed(Double(count) / 1e6, 1)) MB"
        default: "\(fixed(Double(count) / 1e9, 1)) GB"
        }
    }

    // MARK: Safety

    /// Foreign text without what could steer a terminal or begin a new line.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .format:
                result.append(contentsOf: scalar.escaped(asASCII: true).unicodeScalars)
            default:
                result.append(scalar)
            }
        }
        return String(result)
    }
}
