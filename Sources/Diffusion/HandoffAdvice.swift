/// What a caller should know about a handoff that is allowed but may disappoint.
public enum HandoffAdvice {
    /// Highest timestep that the refiner was trained on.
    static let trainedTimestep = 200.0
    /// Below this timestep hardly any noise is left to refine.
    static let faintTimestep = 20.0
    static let refinerStepsMinimum = 3
    static let stepsMinimum = 30
    /// The refiner's share of the steps, in percent, that gives the best results.
    static let refinerShare = 5...15

    /// Sentences for the person who asked, each with its remedy; empty when all is well.
    public static func sentences(for handoff: Handoff, schedule: Schedule) -> [String] {
        var sentences: [String] = []
        let steps = schedule.stepCount
        if steps < stepsMinimum {
            sentences.append(
                "\(counted(steps)) in total are few for two experts: "
                    + "\(stepsMinimum) or more look better.")
        }
        if handoff.refinerSteps < refinerStepsMinimum {
            sentences.append(
                "The refiner runs only \(counted(handoff.refinerSteps)): "
                    + "\(refinerStepsMinimum) or more let its work show.")
        }
        // In integers, so that exactly 5 and exactly 15 percent are inside.
        let share = 100 * handoff.refinerSteps
        if share < refinerShare.lowerBound * steps || share > refinerShare.upperBound * steps {
            sentences.append(
                "The refiner runs \(handoff.refinerSteps) of \(steps) steps: it works best on the "
                    + "final \(refinerShare.lowerBound) to \(refinerShare.upperBound) percent.")
        }
        if handoff.timestep > trainedTimestep {
            sentences.append(
                "The refiner starts at timestep \(rounded(handoff.timestep)), outside the last "
                    + "\(Int(trainedTimestep)) that it was trained on: pictures may be distorted. "
                    + remedy(handoff, schedule))
        } else if handoff.timestep < faintTimestep {
            sentences.append(
                "The refiner starts at timestep \(rounded(handoff.timestep)), where hardly any "
                    + "noise is left to refine. " + remedy(handoff, schedule))
        }
        return sentences
    }

    /// The earliest start within the refiner's training on this schedule, where there is a better one.
    private static func remedy(_ handoff: Handoff, _ schedule: Schedule) -> String {
        let earliest = schedule.timesteps.firstIndex { $0 <= trainedTimestep }
        guard let earliest, earliest > 0, earliest != handoff.baseSteps,
            schedule.timesteps[earliest] >= faintTimestep
        else { return "With more steps there would be a better place." }
        return "With \(schedule.spacing) spacing timestep \(Int(trainedTimestep)) comes after "
            + "\(100 * earliest / schedule.stepCount) percent of the steps: step \(earliest + 1) is "
            + "the earliest that suits it."
    }

    private static func counted(_ steps: Int) -> String { steps == 1 ? "1 step" : "\(steps) steps" }

    private static func rounded(_ timestep: Double) -> String { "\(Int(timestep.rounded()))" }
}

extension HandoffAdvice {
    /// Likewise for a refiner that goes on with a picture by itself, without a handoff.
    ///
    /// - Parameter schedule: the steps it runs.
    public static func sentences(forRefinerAlone schedule: Schedule) -> [String] {
        guard let first = schedule.timesteps.first, first > trainedTimestep else { return [] }
        return [
            "The refiner starts at timestep \(rounded(first)), outside the last "
                + "\(Int(trainedTimestep)) that it was trained on: the picture may be distorted. "
                + "A strength of 0.2 or less keeps it within them."
        ]
    }
}
