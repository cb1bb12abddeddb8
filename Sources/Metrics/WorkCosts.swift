/// One kind of work, as far as its cost goes.
public struct Work: Hashable, Sendable {
    public enum Kind: String, Hashable, CaseIterable, Sendable {
        case textEncoding, imageEncoding, baseStep, refinerStep, decoding
    }

    public var kind: Kind
    public var model: String
    public var width: Int
    public var height: Int
    /// Whether the negative prompt is evaluated too, which doubles a step.
    public var isGuided: Bool

    public init(kind: Kind, model: String, width: Int, height: Int, isGuided: Bool) {
        self.kind = kind
        self.model = model
        self.width = width
        self.height = height
        self.isGuided = isGuided
    }
}

/// What each kind of work has cost lately: the running median of its last samples, which one step
/// slowed by a cold file or a busy machine does not move. Any thread may call.
public final class WorkCosts: Sendable {
    /// Samples kept of one kind of work.
    public static let sampleCount = 9
    /// Kinds of work kept; callers choose the sizes, so the kind unused for longest is forgotten.
    public static let workCountMaximum = 256

    private struct Samples {
        var seconds: [Double] = []
        var next = 0
        /// When it was last added to, in records.
        var age: UInt64 = 0
    }

    private struct State {
        var samples: [Work: Samples] = [:]
        var recordCount: UInt64 = 0
    }

    private let state = Protected(State())

    public init() {}

    public func record(_ work: Work, seconds: Double) {
        state.withLock { state in
            state.recordCount += 1
            if state.samples[work] == nil, state.samples.count == Self.workCountMaximum,
                let oldest = state.samples.min(by: { $0.value.age < $1.value.age })
            {
                state.samples[oldest.key] = nil
            }
            var samples = state.samples[work] ?? Samples()
            samples.age = state.recordCount
            if samples.seconds.count < Self.sampleCount {
                samples.seconds.append(seconds)
            } else {
                samples.seconds[samples.next] = seconds
                samples.next = (samples.next + 1) % Self.sampleCount
            }
            state.samples[work] = samples
        }
    }

    /// The median, in seconds; nil until the work has been measured.
    public func seconds(_ work: Work) -> Double? {
        let sorted = state.withLock { $0.samples[work]?.seconds ?? [] }.sorted()
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
