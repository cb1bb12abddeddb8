internal import Metrics

/// A thread that waits for a moment, and then says so: deadlines of jobs that no lane looks at.
final class DeadlineTimer: Sendable {
    private struct State {
        var moment: Duration?
        var isStopped = false
    }

    private let clock: JobClock
    private let state = Protected(State())
    private let thread = Protected<LaneThread?>(nil)

    init(clock: JobClock) { self.clock = clock }

    /// - Parameter action: called at each moment that is set, on the timer's thread.
    func start(_ action: @escaping @Sendable () -> Void) {
        let state = state
        clock.whenItJumps { state.notify() }
        let thread = LaneThread(name: "deadlines", stackByteCount: 1 << 20) { [self] in
            while waitForMoment() { action() }
        }
        self.thread.withLock { $0 = thread }
    }

    /// In the place of the moment set before.
    func set(_ moment: Duration?) {
        let isNew = state.withLock { state in
            defer { state.moment = moment }
            return state.moment != moment
        }
        if isNew { state.notify() }
    }

    /// Returns when the thread has ended. Not to be called from it.
    func stop() {
        state.withLock { $0.isStopped = true }
        state.notify()
        thread.withLock { $0 }?.join()
    }

    /// - Returns: false when it is to end.
    private func waitForMoment() -> Bool {
        state.look { state in
            if state.isStopped { return .done(false) }
            guard let moment = state.moment else { return .wait }
            let left = moment - clock.now()
            guard left <= .zero else { return .waitAtMost(left) }
            state.moment = nil
            return .done(true)
        }
    }
}
