import Generation

// The figures, for people and for programs.
extension Comparison {
    /// A line for each ending, and below them what all of it took.
    var table: String {
        var table = TextTable(alignments: [.left, .right, .right, .right, .right, .right])
        table.rows.append(["ending", "base", "refiner", "own steps", "seconds", "PSNR"])
        for (index, ending) in endings.enumerated() {
            let plan = ending.plan
            table.rows.append([
                TextTable.Cell(plan.handoff.map { "refiner from step \($0.step)" } ?? "base alone"),
                TextTable.Cell("\(plan.baseSteps)"), TextTable.Cell("\(plan.refinerSteps)"),
                TextTable.Cell("\(ending.ownSteps)"),
                TextTable.Cell(Wording.fixed(ending.seconds, 2)),
                TextTable.Cell(
                    index == reference ? "reference" : Self.decibels(psnr(index, reference))),
            ])
        }
        let lines = [
            "Steps and seconds are each ending's own: the base's steps before it were run for another.",
            Wording.evaluations(summary) + ".",
        ]
        return table.text() + lines.joined(separator: "\n") + "\n"
    }

    /// The same, with the ratios of all pairs; null is infinite, for the same pixels.
    var json: JSONText {
        .object([
            "seed": JSONText(seed), "reference": JSONText(reference),
            "endings": .array(
                endings.indices.map { index in
                    let ending = endings[index]
                    return .object([
                        "branch": JSONText(ending.plan.index),
                        "refinerModel": ending.plan.refinerModel.map { JSONText($0) },
                        "baseSteps": JSONText(ending.plan.baseSteps),
                        "refinerSteps": JSONText(ending.plan.refinerSteps),
                        "handoff": ending.plan.handoff.map(\.json),
                        "ownSteps": JSONText(ending.ownSteps),
                        "seconds": JSONText(ending.seconds),
                        "sha256": JSONText(JSONRendering.hexadecimal(ending.sha256)),
                        "psnr": .array(endings.indices.map { JSONText(psnr(index, $0)) }),
                    ])
                }), "summary": summary.json,
        ])
    }
}
