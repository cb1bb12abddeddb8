internal import Metrics

/// Something that is read from a store once, and all who wait for it.
final class SharedRead<Value: Sendable>: Sendable {
    typealias Body = @Sendable (Result<Value, JobStoreError>) -> Void

    private let waiting: Protected<[Body]>

    init(_ first: @escaping Body) { waiting = Protected([first]) }

    func add(_ body: @escaping Body) { waiting.withLock { $0.append(body) } }

    /// To be called once, when nobody can be added any more.
    func answer(_ result: Result<Value, JobStoreError>) {
        for body in waiting.withLock({ $0 }) { body(result) }
    }
}
