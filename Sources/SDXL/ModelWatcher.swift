internal import Dispatch
internal import Glibc

/// Looks every two seconds what became of the models' files, and hashes those that are new, on a thread
/// of its own and of the lowest priority: computing goes first. It looks rather than be told: what tells of changes in folders does
/// not do so on every file system.
public final class ModelWatcher: Sendable {
    public typealias Report = @Sendable (Result<ModelChanges, ModelCatalogError>) -> Void

    private let generator: SDXLGenerator
    private let interval: Int
    private let report: Report
    private let stopping = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - interval: in milliseconds.
    ///   - report: told of what changed, and once of each trouble with the directory as a whole.
    public init(
        _ generator: SDXLGenerator, interval: Int = 2000, report: @escaping Report
    ) {
        self.generator = generator
        self.interval = interval
        self.report = report
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ModelWatcher>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "no thread for the models: \(String(cString: strerror(code)))")
        pthread_detach(thread)
    }

    /// Returns once nothing is looked at or reported any more. To be called once.
    public func stop() {
        stopping.signal()
        stopped.wait()
    }

    private func run() {
        // On Linux, 0 is the calling thread and not its process.
        setpriority(Int32(PRIO_PROCESS.rawValue), 0, 19)
        var trouble: ModelCatalogError?
        var nextLook = DispatchTime.now() + .milliseconds(interval)

        func look() {
            do {
                let changes = try generator.refresh()
                trouble = nil
                if !changes.isEmpty { report(.success(changes)) }
            } catch {
                if error != trouble { report(.failure(error)) }
                trouble = error
            }
            nextLook = .now() + .milliseconds(interval)
        }
        /// Large files take longer than it may go without a look.
        func goesOn() -> Bool {
            if DispatchTime.now() >= nextLook { look() }
            guard stopping.wait(timeout: .now()) == .success else { return true }
            // For the loop below to see as well.
            stopping.signal()
            return false
        }

        while stopping.wait(timeout: nextLook) == .timedOut {
            look()
            while generator.hashNext(while: { _, _ in goesOn() }) != nil {}
        }
        stopped.signal()
    }
}
