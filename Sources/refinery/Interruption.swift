import Dispatch
import Glibc

/// SIGINT and SIGTERM as an event. The second one ends the process at once.
enum Interruption {
    /// SIGHUP as an event, as often as it comes, for as long as `work` goes on.
    static func hungUp<Result: Sendable>(
        calls action: @escaping @Sendable () -> Void, during work: () async throws -> Result
    ) async rethrows -> Result {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: queue)
        source.setEventHandler { action() }
        source.activate()
        defer { source.cancel() }
        return try await work()
    }

    /// Runs `work`; when a signal comes, `action` is called once. Returns what `work` returns.
    static func handled<Result: Sendable>(
        by action: @escaping @Sendable () -> Void,
        during work: () async throws -> Result
    ) async rethrows -> Result {
        let sources = [SIGINT, SIGTERM].map { number in
            // Or the default, the end of the process, would come first.
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        nonisolated(unsafe) var count = 0
        for source in sources {
            source.setEventHandler {
                // On one serial queue.
                count += 1
                guard count == 1 else { _exit(ExitStatus.interrupted.rawValue) }
                action()
            }
            source.activate()
        }
        defer { for source in sources { source.cancel() } }
        return try await work()
    }

    private static let queue = DispatchQueue(label: "signals")
}
