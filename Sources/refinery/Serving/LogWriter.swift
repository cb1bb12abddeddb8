import Dispatch
import Metrics

/// Writes the log's lines in their order, on a thread of its own: whoever reads them slowly, or not at all, holds
/// up nobody who is served. Lines that find no room are counted, and the next that does says how many.
final class LogWriter: Sendable {
    private struct State {
        var byteCount = 0
        var missingCount = 0
    }

    private let state = Protected(State())
    private let queue = DispatchQueue(label: "log")
    private let byteMaximum: Int
    private let output: @Sendable (String) -> Void

    /// - Parameters:
    ///   - byteMaximum: of lines that wait to be written.
    ///   - output: may take as long as it likes.
    init(
        byteMaximum: Int = 1 << 20,
        output: @escaping @Sendable (String) -> Void = { Terminal.write($0, to: .error) }
    ) {
        self.byteMaximum = byteMaximum
        self.output = output
    }

    /// - Parameter complaint: the line before this one, when so many are missing there.
    func write(_ line: String, complaint: (_ missing: Int) -> String) {
        state.withLock { state in
            guard state.byteCount + line.utf8.count <= byteMaximum else {
                state.missingCount += 1
                return
            }
            let text = (state.missingCount > 0 ? complaint(state.missingCount) : "") + line
            state.missingCount = 0
            state.byteCount += text.utf8.count
            queue.async { [self] in
                output(text)
                self.state.withLock { $0.byteCount -= text.utf8.count }
            }
        }
    }

    /// Waits until what came before is written, but no longer than that.
    func flush(within limit: Duration = .seconds(1)) {
        let isWritten = DispatchSemaphore(value: 0)
        queue.async { isWritten.signal() }
        _ = isWritten.wait(timeout: .now() + limit / .seconds(1))
    }
}
