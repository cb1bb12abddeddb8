/// One kind of work, as far as its cost goes.
public struct Work: Hashable, Sendable {
    public enum Kind: String, Hashable, CaseIterable, Sendable {
        case textEncoding, imageEncoding, baseStep, refinerStep, decoding
        /// What the first step at another expert than before takes beyond its usual time.
        case expertSwitch
    }

    public var kind: Kind
    public var model: String
    public var width: Int
    public var height: Int
    /// Whether the negative prompt is evaluated too, which doubles a step.
    public var isGuided: Bool
    /// Floating-point operations; 0 where they are not counted.
    public var operations: Double

    public init(
        kind: Kind, model: String, width: Int, height: Int, isGuided: Bool, operations: Double = 0
    ) {
        self.kind = kind
        self.model = model
        self.width = width
        self.height = height
        self.isGuided = isGuided
        self.operations = operations
    }

    /// Of any model.
    public static let expertSwitch = Work(
        kind: .expertSwitch, model: "", width: 0, height: 0, isGuided: false)
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
        /// The latest of each kind of work of each model, at whatever size.
        var latest: [ModelWork: Work] = [:]
    }

    private struct ModelWork: Hashable {
        var kind: Work.Kind
        var model: String

        init(_ work: Work) {
            kind = work.kind
            model = work.model
        }
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
                if state.latest[ModelWork(oldest.key)] == oldest.key {
                    state.latest[ModelWork(oldest.key)] = nil
                }
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
            if work.operations > 0 { state.latest[ModelWork(work)] = work }
        }
    }

    /// The median; or, of work measured at another size only, in proportion to its operations. Nil where
    /// there is nothing to go by.
    public func estimate(_ work: Work) -> Double? {
        if let measured = seconds(work) { return measured }
        guard let like = state.withLock({ $0.latest[ModelWork(work)] }) else { return nil }
        return seconds(like).map { $0 / like.operations * work.operations }
    }

    /// The median, in seconds; nil until the work has been measured.
    public func seconds(_ work: Work) -> Double? {
        let sorted = state.withLock { $0.samples[work]?.seconds ?? [] }.sorted()
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
