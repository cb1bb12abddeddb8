import Foundation
import Generation
public import Jobs
import Metrics
import Testing

/// A good request of five steps, from the fourth on the refiner's. Its units of work: the text encoding,
/// and for each picture five steps and a decoding.
func request(
    _ id: String? = nil, images: Int = 1, refined: Bool = true
) -> GenerationRequest {
    var request = GenerationRequest()
    request.requestID = id
    request.positivePrompt = "a red fox"
    request.seed = 5
    request.steps = 5
    request.numberResults = images
    if refined {
        var refiner = GenerationRequest.Refiner()
        refiner.model = "refiner"
        refiner.startStep = 4
        request.refiner = refiner
    }
    return request
}

/// Keeps what one job's observer is told, and whether the rules of telling were kept.
final class Recorder: Sendable {
    private struct State {
        var updates: [JobUpdate] = []
        var isBeingTold = false
        var complaints: [String] = []
    }

    private let state = Protected(State())
    private let onUpdate: @Sendable (JobUpdate) -> Void

    private let ordersJobs: Bool

    /// - Parameter ordersJobs: whether all events are one job's.
    init(
        ordersJobs: Bool = true, onUpdate: @escaping @Sendable (JobUpdate) -> Void = { _ in }
    ) {
        self.ordersJobs = ordersJobs
        self.onUpdate = onUpdate
    }

    var observe: @Sendable (JobUpdate) -> Void {
        { update in
            self.state.withLock { state in
                if state.isBeingTold { state.complaints.append("told by two threads at a time") }
                if case .ended? = state.updates.last {
                    state.complaints.append("told after the end")
                }
                if case .event(let event) = update {
                    let last = state.updates.last
                    if case .event(let before)? = last, self.ordersJobs,
                        event.sequence <= before.sequence
                    {
                        state.complaints.append(
                            "sequence \(event.sequence) after \(before.sequence)")
                    }
                }
                state.isBeingTold = true
                state.updates.append(update)
            }
            self.onUpdate(update)
            self.state.withLock { $0.isBeingTold = false }
            self.state.notify()
        }
    }

    var updates: [JobUpdate] { state.withLock { $0.updates } }
    var complaints: [String] { state.withLock { $0.complaints } }

    var events: [Event] {
        updates.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    var progress: [Event.Progress] {
        events.compactMap { if case .progress(let it) = $0.content { it } else { nil } }
    }

    var images: [Event.Image] {
        events.compactMap { if case .image(let it) = $0.content { it } else { nil } }
    }

    var places: [Int] {
        events.compactMap { if case .queued(let it) = $0.content { it.place } else { nil } }
    }

    var end: Result<Void, GenerationError>? {
        if case .ended(let result)? = updates.last { result } else { nil }
    }

    /// Waits for the end; nil is success.
    @discardableResult
    func waitForEnd() -> GenerationError? {
        state.wait { state in
            guard case .ended(let result)? = state.updates.last, !state.isBeingTold else {
                return nil
            }
            // An optional of an optional: the outer one says that there is a result.
            return .some(result.failure)
        }
    }

    func waitForImages(_ count: Int) {
        wait(for: count) { if case .image = $0 { true } else { false } }
    }

    /// Of jobs, as those who watch all of them hear it.
    func waitForEnds(_ count: Int) {
        wait(for: count) { if case .ended = $0 { true } else { false } }
    }

    func wait(for count: Int, _ isWanted: (Event.Content) -> Bool) {
        state.wait { state in
            let found = state.updates.count { update in
                if case .event(let event) = update { isWanted(event.content) } else { false }
            }
            return found >= count ? () : nil
        }
    }

    func waitForUpdates(_ count: Int) {
        state.wait { $0.updates.count >= count ? () : nil }
    }
}

extension Result {
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

/// Holds threads up until it is opened.
final class Gate: Sendable {
    private let state = Protected((isOpen: false, arrivals: 0))

    func pass() {
        state.withLock { $0.arrivals += 1 }
        state.notify()
        state.wait { $0.isOpen ? () : nil }
    }

    func open() {
        state.withLock { $0.isOpen = true }
        state.notify()
    }

    func waitForArrivals(_ count: Int = 1) {
        state.wait { $0.arrivals >= count ? () : nil }
    }
}

/// A clock that goes only when told to.
final class FakeClock: Sendable {
    private let time = Protected(Duration.seconds(1000))
    private let waiting = Protected<[@Sendable () -> Void]>([])

    func advance(by duration: Duration) {
        time.withLock { $0 += duration }
        for wake in waiting.withLock({ $0 }) { wake() }
    }

    var clock: JobClock {
        JobClock(
            now: { self.time.withLock { $0 } }, wallMilliseconds: { 42 },
            whenItJumps: { wake in self.waiting.withLock { $0.append(wake) } })
    }
}

extension JobCounts {
    var addsUp: Bool {
        accepted == finished + failed + cancelled + UInt64(queued) + UInt64(running)
            + UInt64(paused)
    }
}

/// A thread that a test waits for.
struct TestThread {
    private let done = Gate()

    init(_ body: @escaping @Sendable () -> Void) {
        let done = done
        Thread.detachNewThread {
            body()
            done.open()
        }
    }

    func join() {
        done.pass()
    }
}

extension JobID: ExpressibleByStringLiteral {
    /// Nobody's job of that name.
    public init(stringLiteral name: String) { self.init(name) }
}

/// Once the threads of a scheduler that was left have let go of the store.
func reopen(_ directory: String) throws -> SQLiteJobStore {
    for _ in 0..<10_000 {
        if let store = try? SQLiteJobStore(directory: directory) { return store }
        usleep(10_000)
    }
    return try SQLiteJobStore(directory: directory)
}

/// In memory where there is such a place: for thousands of syncs.
var fastDirectory: String {
    let memory = "/dev/shm"
    return FileManager.default.isWritableFile(atPath: memory)
        ? memory : FileManager.default.temporaryDirectory.path
}
