/// Where a run stands between two units of work: a run made of the same job and plan, in this process
/// or a later one, goes on from it to the same bytes.
public struct GenerationCheckpoint: Equatable, Sendable {
    /// The image under way; those before it are made.
    public var imageIndex: Int
    /// Finished steps of that image.
    public var step: Int
    /// The engine's own record; empty before the first step of an image.
    public var state: [UInt8]

    public init(imageIndex: Int, step: Int, state: [UInt8]) {
        self.imageIndex = imageIndex
        self.step = step
        self.state = state
    }
}

extension GenerationError {
    /// A checkpoint that no run can go on from.
    public static func damagedCheckpoint(_ problem: String) -> Self {
        Self(
            .dataLoss, code: "damagedCheckpoint",
            "The job cannot go on from its checkpoint: \(problem). It can only be begun anew.")
    }
}
