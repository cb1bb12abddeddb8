/// What a sampler remembers from call to call: a plain value, to be copied, compared and stored.
public struct SamplerHistory: Equatable, Sendable {
    /// Whole steps done.
    public internal(set) var step = 0
    /// Evaluations done of the step under way.
    public internal(set) var stage = 0
    /// Where this history begins: 0, or the step before which it was reset.
    public internal(set) var firstStep = 0
    /// Earlier predictions, the latents at the start of the step, and scratch, as the sampler needs.
    public internal(set) var buffers: [[Float]]

    init(bufferCount: Int, latentCount: Int) {
        // Each with memory of its own from the start, so that no step has to allocate.
        buffers = (0..<bufferCount).map { _ in [Float](repeating: 0, count: latentCount) }
    }

    /// Whole steps that this history knows of.
    var depth: Int { step - firstStep }

    /// Counts one evaluation of a step that takes `evaluations`.
    mutating func finishStage(of evaluations: Int) {
        stage += 1
        if stage == evaluations {
            stage = 0
            step += 1
        }
    }

    /// Makes room at 0 among the first `count` buffers, which are kept newest first: each becomes one
    /// older, and the oldest is to be overwritten. Moves no values.
    mutating func rotate(_ count: Int) {
        for i in (1..<count).reversed() { buffers.swapAt(i, i - 1) }
    }
}
